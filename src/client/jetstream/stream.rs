//! Streams: information, creation, update, deletion, purging, names.
//!
//! Configurations go out as they are (in the server's units); replies come back with the durations
//! that scripts read in milliseconds converted ([`units`]).

use std::future::Future;

use serde_json::{json, Value};

use super::api::{body, Json, JsonExt};
use super::{units, JetStream};
use crate::client::error::{Code, Error, Result};

impl JetStream {
    /// Configuration and state of a stream, without the paging fields of the reply.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub fn stream_info(&self, stream: &str) -> impl Future<Output = Result<Json>> + Send + 'static {
        let info = self.stream_info_in_ns(stream);
        async move {
            let mut info = in_ms(info.await?);
            for paging in ["total", "offset", "limit"] {
                info.shift_remove(paging);
            }
            Ok(info)
        }
    }

    /// The same as the server has it: the configuration can be sent back, for no duration is rounded.
    ///
    /// # Errors
    /// Those of [`JetStream::stream_info`].
    pub(crate) fn stream_info_in_ns(
        &self,
        stream: &str,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        self.read(&format!("STREAM.INFO.{stream}"), "")
    }

    /// Configurations and states of all streams, or of those that have a subject, whose servers are within reach,
    /// in the server's order.
    ///
    /// # Errors
    /// Those of [`JetStream::api`].
    pub fn stream_infos(
        &self,
        subject: Option<&str>,
    ) -> impl Future<Output = Result<Vec<Json>>> + Send + 'static {
        let streams = self.objects("STREAM.LIST", "streams", of_subject(subject));
        async move { Ok(streams.await?.into_iter().map(in_ms).collect()) }
    }

    /// How many subjects a stream has messages of, that match a filter.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub fn count_subjects(
        &self,
        stream: &str,
        filter: &str,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        // A page behind the last one has no names, but says how many there are.
        let query = json!({ "subjects_filter": filter, "offset": i64::MAX });
        let reply = self.read(&format!("STREAM.INFO.{stream}"), query.to_string());
        async move { Ok(reply.await?.number("total").unwrap_or(0)) }
    }

    /// How many messages a stream has of each subject that matches a filter, page by page.
    pub(crate) fn subject_pages(&self, stream: &str, filter: &str) -> SubjectPages {
        SubjectPages {
            js: self.clone(),
            tail: format!("STREAM.INFO.{stream}"),
            filter: filter.to_owned(),
            offset: 0,
            total: None,
        }
    }

    /// Creates a stream; the configuration must contain its `name`.
    ///
    /// # Errors
    /// `InvalidArg` without a name; `JsResponse` 400/10058 if it exists with another configuration;
    /// those of [`JetStream::api`].
    pub fn create_stream(
        &self,
        config: Json,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let reply = self.configure_stream("STREAM.CREATE", &config);
        async move { reply.await.map(in_ms) }
    }

    /// Replaces the configuration of a stream; the configuration must contain its `name`.
    ///
    /// # Errors
    /// `StreamNotFound`; `JsResponse` 500/10052 for what cannot be changed; those of
    /// [`JetStream::api`].
    pub fn update_stream(
        &self,
        config: Json,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let reply = self.update_stream_in_ns(&config);
        async move { reply.await.map(in_ms) }
    }

    /// The same, with the reply as the server sends it.
    ///
    /// # Errors
    /// Those of [`JetStream::update_stream`].
    pub(crate) fn update_stream_in_ns(
        &self,
        config: &Json,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        self.configure_stream("STREAM.UPDATE", config)
    }

    /// Deletes a stream and all that is in it. The result is what the server calls `success`.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub fn delete_stream(
        &self,
        stream: &str,
    ) -> impl Future<Output = Result<bool>> + Send + 'static {
        let reply = self.api(&format!("STREAM.DELETE.{stream}"), "");
        async move { Ok(reply.await?.flag("success")) }
    }

    /// Removes messages from a stream and returns how many they were. Without a `filter`, `keep`
    /// or `seq` in the query it is all of them.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub fn purge_stream(
        &self,
        stream: &str,
        query: &Json,
    ) -> impl Future<Output = Result<u64>> + Send + 'static {
        let reply = self.api(&format!("STREAM.PURGE.{stream}"), body(query));
        async move { Ok(reply.await?.number("purged").unwrap_or(0)) }
    }

    /// The names of all streams, or of those that listen on a subject, in the server's order.
    ///
    /// # Errors
    /// Those of [`JetStream::api`].
    pub fn stream_names(
        &self,
        subject: Option<&str>,
    ) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
        self.names("STREAM.NAMES", "streams", of_subject(subject))
    }

    /// Creates a stream from the text of a configuration, which is sent as it is; so is the reply
    /// returned. Nothing is converted.
    ///
    /// # Errors
    /// Those of [`JetStream::api_text`].
    pub fn create_stream_from_json(
        &self,
        stream: &str,
        config: String,
    ) -> impl Future<Output = Result<String>> + Send + 'static {
        self.api_text(&format!("STREAM.CREATE.{stream}"), config)
    }

    /// The account's limits and what it uses of them.
    ///
    /// # Errors
    /// `JetStreamNotEnabledForAccount`; those of [`JetStream::api`].
    pub fn account_info(&self) -> impl Future<Output = Result<Json>> + Send + 'static {
        self.api("INFO", "")
    }

    fn configure_stream(
        &self,
        call: &'static str,
        config: &Json,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let reply = config
            .text("name")
            .map(|stream| self.api(&format!("{call}.{stream}"), body(config)))
            .ok_or_else(|| Error::new(Code::InvalidArg, "Option name is required"));
        async move { reply?.await }
    }
}

fn of_subject(subject: Option<&str>) -> Json {
    let query = subject.map(|subject| ("subject".to_owned(), subject.into()));
    query.into_iter().collect()
}

/// Subjects of a stream, in the server's order. A page has 100,000 of them.
pub(crate) struct SubjectPages {
    js: JetStream,
    tail: String,
    filter: String,
    offset: usize,
    /// How many there are, as the latest page says.
    total: Option<u64>,
}

impl SubjectPages {
    /// The next page, each subject with its number of messages; `None` behind the last one.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<(String, u64)>>> {
        if self.total.is_some_and(|total| self.offset as u64 >= total) {
            return Ok(None);
        }
        let query = json!({ "subjects_filter": self.filter, "offset": self.offset });
        let mut reply = self.js.read(&self.tail, query.to_string()).await?;
        let total = reply.number("total").unwrap_or(0);
        let subjects = reply
            .get_mut("state")
            .and_then(|state| state.get_mut("subjects"));
        let Some(Value::Object(subjects)) = subjects.map(Value::take) else {
            return Ok(None);
        };
        self.offset += subjects.len();
        self.total = Some(total);
        let counted = subjects.into_iter();
        Ok(Some(
            counted
                .filter_map(|(subject, messages)| Some((subject, messages.as_u64()?)))
                .collect(),
        ))
    }

    /// All pages as one.
    ///
    /// # Errors
    /// Those of [`SubjectPages::next`].
    pub(crate) async fn all(mut self) -> Result<Vec<(String, u64)>> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

fn in_ms(mut reply: Json) -> Json {
    units::stream_to_ms(&mut reply);
    reply
}
