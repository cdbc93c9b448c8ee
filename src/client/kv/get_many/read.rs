//! A call, and which way it goes.

use std::future::Future;

use super::direct::{Answer, Point, Question};
use super::goal::Goal;
use super::request::{ManyOptions, Moment, Request};
use super::snapshot::Snapshot;
use crate::client::error::{Code, Error, Result};
use crate::client::kv::call::Call;
use crate::client::kv::handle::Bucket;

impl Bucket {
    /// The latest entries of keys, and of those that match patterns, all of one moment. Keys that there are not are left
    /// out.
    ///
    /// # Errors
    /// `InvalidArg` for a malformed key or pattern, or revision 0; `BucketNotFound`; `NotSupported` for a moment in the
    /// past of a bucket that keeps one revision of each key; `NotConsistent` if such a bucket changes all the time and
    /// has to be read by a consumer; `Timeout`, also if nobody answers who has got so far; `NoResponders`;
    /// `Permissions`; those of [`JetStream::api`](crate::client::jetstream::JetStream::api).
    pub fn get_many(
        &self,
        keys: &[String],
        options: &ManyOptions,
    ) -> impl Future<Output = Result<Snapshot>> + Send + 'static {
        let request = Request::new(self, keys, options);
        let call = self.call();
        async move { call.get_many(&request?).await }
    }

    /// Whether servers are asked that know the question for many keys.
    fn knows_many(&self) -> bool {
        self.is_direct() && self.js().server_at_least(2, 11, 0)
    }
}

impl Call {
    async fn get_many(&self, request: &Request) -> Result<Snapshot> {
        let mut goal = Goal::of(self, request);
        match request.options.at {
            Some(moment) => self.get_many_at(request, moment, &mut goal).await,
            None if request.keys.is_empty() => {
                let state = self.state(&mut goal).await?;
                Ok(Snapshot::empty(state.last))
            }
            None => self.get_many_now(request, &mut goal).await,
        }
    }

    async fn get_many_now(&self, request: &Request, goal: &mut Goal) -> Result<Snapshot> {
        match self.ask(request, Point::Now, goal).await? {
            Answer::Keys(snapshot) => Ok(snapshot),
            Answer::Consumer { is_wary } => {
                Box::pin(self.consume_latest(request, goal, is_wary)).await
            }
        }
    }

    async fn get_many_at(
        &self,
        request: &Request,
        moment: Moment,
        goal: &mut Goal,
    ) -> Result<Snapshot> {
        let state = self.state(goal).await?;
        if state.keeps_one {
            return Err(no_past(self.bucket.name()));
        }
        // The server takes a revision that is not there yet at its word.
        let moment = match moment {
            Moment::Revision(revision) => Moment::Revision(revision.min(state.last)),
            before => before,
        };
        if request.keys.is_empty() || state.last == 0 {
            return Ok(Snapshot::empty(match moment {
                Moment::Revision(revision) => revision,
                Moment::Before(_) => 0,
            }));
        }
        match self.ask(request, Point::At(moment, &state), goal).await? {
            Answer::Keys(snapshot) => Ok(snapshot),
            Answer::Consumer { is_wary } => {
                Box::pin(self.consume_at(request, moment, is_wary)).await
            }
        }
    }

    async fn ask(&self, request: &Request, point: Point<'_>, goal: &mut Goal) -> Result<Answer> {
        match self.bucket.knows_many() {
            true => Question::new(self, request, point, goal).ask().await,
            false => Ok(Answer::Consumer { is_wary: false }),
        }
    }
}

fn no_past(bucket: &str) -> Error {
    let message = format!(
        "Bucket {bucket} keeps one revision of each key: -at_revision and -at_time need a -history of 2 or more"
    );
    Error::new(Code::NotSupported, message)
}
