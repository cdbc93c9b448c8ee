//! Consumers: creation, update, information, deletion, names, pausing.
//!
//! Configurations go out in the server's units; replies come back with the durations that scripts
//! read in milliseconds converted ([`units`]).

use std::future::Future;

use serde_json::{json, Value};

use super::api::{body, Checked, Json, JsonExt};
use super::{names, units, JetStream};
use crate::client::error::{Error, Result};
use crate::client::subject;

/// What a server from 2.10 on is told a configuration is for. Older ones create or update as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An existing consumer with another configuration is an error.
    Create,
    /// A missing consumer is an error.
    Update,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
        }
    }
}

impl JetStream {
    /// Creates or updates a consumer; without `name` or `durable_name` in the configuration the server
    /// invents a name.
    ///
    /// # Errors
    /// `InvalidArg` for a bad `name`, or one beside `durable_name`; `BadSubject` for a bad
    /// `filter_subject`; `JsResponse` 400/10148 if it exists with another configuration, 400/10149 if
    /// there is none to update; those of [`JetStream::api`].
    pub fn configure_consumer(
        &self,
        stream: &str,
        config: Json,
        action: Action,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let subject = self.creation_subject(stream, &config);
        let mut query = Json::new();
        query.insert("stream_name".into(), stream.into());
        query.insert("config".into(), config.into());
        if self.server_at_least(2, 10, 0) {
            query.insert("action".into(), action.as_str().into());
        }
        let reply = self.checked_api(subject, body(&query));
        async move { reply.await.map(in_ms) }
    }

    /// The subject of a creation: from 2.9 on it has the name and a single filter, so that permissions
    /// can apply to them.
    fn creation_subject(&self, stream: &str, config: &Json) -> Result<Checked> {
        let filter = config.text("filter_subject");
        if let Some(filter) = filter {
            subject::check_subscribe(filter, true)?;
        }
        let checked = |tail| Checked::new(self.subject(tail));
        match (config.text("name"), config.text("durable_name")) {
            // Newer servers show both.
            (Some(name), Some(durable)) if name != durable => {
                Err(Error::invalid_arg("-name conflicts with -durable_name"))
            }
            (_, Some(name)) => checked(&format!("CONSUMER.DURABLE.CREATE.{stream}.{name}")),
            (Some(name), None) if self.server_at_least(2, 9, 0) => {
                names::check_consumer(name)?;
                let subject = checked(&format!("CONSUMER.CREATE.{stream}.{name}"))?;
                match filter.filter(|filter| *filter != ">") {
                    Some(filter) => subject.filtered(filter),
                    None => Ok(subject),
                }
            }
            _ => checked(&format!("CONSUMER.CREATE.{stream}")),
        }
    }

    /// Configuration and state of a consumer.
    ///
    /// # Errors
    /// `StreamNotFound`, `ConsumerNotFound`; those of [`JetStream::api`].
    pub fn consumer_info(
        &self,
        stream: &str,
        consumer: &str,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let reply = self.read(&format!("CONSUMER.INFO.{stream}.{consumer}"), "");
        async move { reply.await.map(in_ms) }
    }

    /// Deletes a consumer. The result is what the server calls `success`.
    ///
    /// # Errors
    /// `StreamNotFound`, `ConsumerNotFound`; those of [`JetStream::api`].
    pub fn delete_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> impl Future<Output = Result<bool>> + Send + 'static {
        let reply = self.api(&format!("CONSUMER.DELETE.{stream}.{consumer}"), "");
        async move { Ok(reply.await?.flag("success")) }
    }

    /// Configurations and states of a stream's consumers, in the server's order.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub fn consumer_infos(
        &self,
        stream: &str,
    ) -> impl Future<Output = Result<Vec<Json>>> + Send + 'static {
        let tail = format!("CONSUMER.LIST.{stream}");
        let consumers = self.objects(&tail, "consumers", Json::new());
        async move { Ok(consumers.await?.into_iter().map(in_ms).collect()) }
    }

    /// The names of a stream's consumers, in the server's order.
    ///
    /// # Errors
    /// `StreamNotFound`; those of [`JetStream::api`].
    pub fn consumer_names(
        &self,
        stream: &str,
    ) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
        self.names(
            &format!("CONSUMER.NAMES.{stream}"),
            "consumers",
            Json::new(),
        )
    }

    /// Stops a consumer's deliveries until a time in ISO notation; without one they go on at once. The
    /// reply has `paused`, `pause_until` and, in milliseconds, `pause_remaining`. Servers from 2.11 on.
    ///
    /// # Errors
    /// `NotSupported`; `StreamNotFound`, `ConsumerNotFound`; those of [`JetStream::api`].
    pub fn pause_consumer(
        &self,
        stream: &str,
        consumer: &str,
        until: Option<&str>,
    ) -> impl Future<Output = Result<Json>> + Send + 'static {
        let query = until.map(|until| ("pause_until".to_owned(), until.into()));
        let query: Json = query.into_iter().collect();
        let reply = self.api(&format!("CONSUMER.PAUSE.{stream}.{consumer}"), body(&query));
        let supported = self.check_server_at_least(2, 11);
        async move {
            supported?;
            reply.await.map(in_ms)
        }
    }

    /// Lets another client of a priority group with the policy `pinned_client` be the one that is served.
    /// Servers from 2.11 on.
    ///
    /// # Errors
    /// `NotSupported`; `StreamNotFound`, `ConsumerNotFound`; `JsResponse` for a group that the consumer does
    /// not have; those of [`JetStream::api`].
    pub fn unpin_consumer(
        &self,
        stream: &str,
        consumer: &str,
        group: &str,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let query = json!({ "group": group }).to_string();
        let reply = self.api(&format!("CONSUMER.UNPIN.{stream}.{consumer}"), query);
        let supported = self.check_server_at_least(2, 11);
        async move {
            supported?;
            reply.await.map(drop)
        }
    }

    /// Creates a consumer from the text of a configuration, which is sent as it is; so is the reply
    /// returned. Nothing is converted.
    ///
    /// # Errors
    /// Those of [`JetStream::api_text`].
    pub fn create_consumer_from_json(
        &self,
        stream: &str,
        consumer: &str,
        config: &str,
    ) -> impl Future<Output = Result<String>> + Send + 'static {
        let name = Value::from(stream);
        self.api_text(
            &format!("CONSUMER.DURABLE.CREATE.{stream}.{consumer}"),
            format!(r#"{{"stream_name":{name},"config":{config}}}"#),
        )
    }
}

fn in_ms(mut reply: Json) -> Json {
    units::consumer_to_ms(&mut reply);
    reply
}
