//! Links: objects that stand for another one, or for a bucket.

use std::future::Future;

use super::call::{Call, KnownBy};
use super::handle::{exists, Store};
use super::meta::{Info, Meta, Target};
use super::names::{check_bucket, check_object};
use crate::client::error::{Code, Error, Result};
use crate::client::nuid::nuid;

/// So many links in a row are taken for a circle.
const MOST_LINKS: usize = 8;

impl Store {
    /// Makes a link to an object, of this or of another bucket.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed name; `ObjectNotFound` if the target does not exist; `ObjectLink` if it is a link;
    /// `ObjectExists` if there is an object of the link's name that is no link; `BucketNotFound`; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn link(
        &self,
        name: &str,
        target: &str,
        bucket: Option<&str>,
    ) -> impl Future<Output = Result<Info>> + Send + 'static {
        let there = self.sibling(bucket.unwrap_or(self.name()));
        let checked = check_object(name).and_then(|()| check_object(target));
        let (call, name, target) = (self.call(), name.to_owned(), target.to_owned());
        async move {
            checked?;
            let there = there?;
            let other = Call {
                js: call.js.clone(),
                store: there.clone(),
            };
            let info = other.existing(&target).await?;
            if let Some(next) = info.meta.link() {
                return Err(is_link(&target, &next));
            }
            let target = Target {
                bucket: there.name().to_owned(),
                name: Some(target),
            };
            call.link(&name, &target).await
        }
    }

    /// Makes a link to a bucket, whether it exists or not.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed name; `ObjectExists`; `BucketNotFound`; those of
    /// [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn link_bucket(
        &self,
        name: &str,
        bucket: &str,
    ) -> impl Future<Output = Result<Info>> + Send + 'static {
        let checked = check_object(name).and_then(|()| check_bucket(bucket));
        let (call, name, bucket) = (self.call(), name.to_owned(), bucket.to_owned());
        async move {
            checked?;
            call.link(&name, &Target { bucket, name: None }).await
        }
    }
}

impl Call {
    /// Stores a link where there is nothing, or a link.
    async fn link(&self, name: &str, target: &Target) -> Result<Info> {
        let found = self.last(name).await?;
        let is_taken = |meta: Option<&Meta>| {
            meta.is_none_or(|meta| !meta.is_deleted() && meta.link().is_none())
        };
        if found
            .as_ref()
            .is_some_and(|found| is_taken(found.meta.as_ref()))
        {
            return Err(exists(name));
        }
        let mut meta = Meta::new(self.store.name(), name, &nuid());
        meta.set_link(target);
        let expected = found.map_or(0, |found| found.sequence);
        match self.write(&meta, expected, KnownBy::Nuid).await {
            Ok(revision) => self.stored(meta, revision).await,
            Err(error) if error.code == Code::WrongLastSequence => Err(exists(name)),
            Err(error) => Err(error),
        }
    }
}

/// Where an object really is: links are followed, also into other buckets.
///
/// # Errors
/// `ObjectNotFound`, `ObjectLink`, `ObjectCorrupt`, `BucketNotFound`; those of
/// [`JetStream::api`](crate::client::jetstream::JetStream::api).
pub(super) async fn resolve(call: &Call, name: &str) -> Result<(Call, Info)> {
    let (mut call, mut name) = (call.clone(), name.to_owned());
    for _ in 0..MOST_LINKS {
        let info = call.existing(&name).await?;
        let Some(target) = info.meta.link() else {
            return Ok((call, info));
        };
        let Some(next) = target.name.clone() else {
            return Err(is_link(&name, &target));
        };
        call.store = match call.store.sibling(&target.bucket) {
            Ok(store) => store,
            Err(_) => return Err(is_link(&name, &target)),
        };
        name = next;
    }
    Err(Error::new(Code::ObjectLink, "Too many links"))
}

fn is_link(name: &str, target: &Target) -> Error {
    let bucket = &target.bucket;
    let message = match &target.name {
        Some(object) => format!("{name} is a link to {object} of bucket {bucket}"),
        None => format!("{name} is a link to bucket {bucket}"),
    };
    Error::new(Code::ObjectLink, message)
}
