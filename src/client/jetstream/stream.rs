//! Streams: information, creation, update, deletion, purging, names.
//!
//! Configurations go out as they are (in the server's units); replies come back with the durations
//! that scripts read in milliseconds converted ([`units`]).

use std::future::Future;

use super::api::{body, Json, JsonExt};
use super::{units, JetStream};
use crate::client::error::{Code, Error, Result};

impl JetStream {
    /// Configuration and state of a stream, without the paging fields of the reply.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub fn stream_info(&self, stream: &str) -> impl Future<Output = Result<Json>> + Send + 'static {
        let reply = self.stream_reply("STREAM.INFO", stream, &Json::new());
        async move {
            let mut info = reply.await?;
            for paging in ["total", "offset", "limit"] {
                info.shift_remove(paging);
            }
            Ok(info)
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
        self.configure_stream("STREAM.CREATE", config)
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
        let query = subject.map(|subject| ("subject".to_owned(), subject.into()));
        self.names("STREAM.NAMES", "streams", query.into_iter().collect())
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
        config: Json,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let reply = config
            .text("name")
            .map(|stream| self.stream_reply(call, stream, &config))
            .ok_or_else(|| Error::new(Code::InvalidArg, "Option name is required"));
        async move { reply?.await }
    }

    fn stream_reply(
        &self,
        call: &str,
        stream: &str,
        query: &Json,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let reply = self.api(&format!("{call}.{stream}"), body(query));
        async move {
            let mut reply = reply.await?;
            units::config_to_ms(&mut reply, units::STREAM_DURATIONS);
            Ok(reply)
        }
    }
}
