//! Fields of a stream's configuration that not all servers know.
//!
//! Servers before 2.12 ignore fields that they do not know, and never complain. So the level of the API is asked
//! for before anything is sent that has such fields. It is not told by the version of the server that is
//! connected: a domain may be another server.

use std::future::Future;

use serde_json::Value;

use super::api::{Json, JsonExt};
use super::context::JetStream;
use super::level::Level;
use crate::client::error::{Code, Error, Result};

/// What a field brings, and since when.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    pub field: &'static str,
    what: &'static str,
    /// The least level of an API that has it.
    level: u64,
    /// The first version of such servers.
    version: &'static str,
}

/// In the order in which they are looked at.
const FEATURES: [Feature; 4] = [
    Feature {
        field: "allow_msg_ttl",
        what: "A time to live of single entries",
        level: 1,
        version: "2.11",
    },
    Feature {
        field: "subject_delete_marker_ttl",
        what: "A time limit of markers",
        level: 1,
        version: "2.11",
    },
    Feature {
        field: "allow_atomic",
        what: "Writing several entries all or none",
        level: 2,
        version: "2.12",
    },
    Feature {
        field: "allow_msg_counter",
        what: "Values that are counters",
        level: 2,
        version: "2.12",
    },
];

impl Feature {
    /// The error of a server that does not have it.
    pub(crate) fn missing(&self) -> Error {
        let Feature {
            field,
            what,
            version,
            ..
        } = self;
        Error::new(
            Code::NotSupported,
            format!("{what} ({field}) needs NATS server {version} or later"),
        )
    }

    fn is_in(&self, config: &Json) -> bool {
        match config.get(self.field) {
            Some(Value::Bool(on)) => *on,
            Some(Value::Number(number)) => number.as_i64() != Some(0),
            _ => false,
        }
    }
}

/// The feature that a configuration was to have and does not have.
pub(crate) fn lost_feature(asked: &Json, config: &Json) -> Option<&'static Feature> {
    let mut asked_for = features_of(asked);
    asked_for.find(|feature| !feature.is_in(config))
}

fn features_of(config: &Json) -> impl Iterator<Item = &'static Feature> + '_ {
    FEATURES.iter().filter(|feature| feature.is_in(config))
}

impl JetStream {
    /// Whether the servers behind the API know all that a configuration has. They are asked only if it has
    /// something that not all know. If they may not be asked the answer is yes, and [`lost_feature`] tells afterwards.
    ///
    /// # Errors
    /// `NotSupported` with the feature and the least version; those of [`JetStream::api`].
    pub(crate) fn check_features(
        &self,
        config: &Json,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let features: Vec<_> = features_of(config).collect();
        let js = self.clone();
        async move {
            if features.is_empty() {
                return Ok(());
            }
            let level = match Box::pin(js.level()).await? {
                Level::Known(level) => level,
                Level::Secret => return Ok(()),
            };
            match features.iter().find(|feature| feature.level > level) {
                Some(feature) => Err(feature.missing()),
                None => Ok(()),
            }
        }
    }

    /// The level, which is asked for once on each server that is connected.
    async fn level(self) -> Result<Level> {
        let asked = self.server_id();
        if let Some(level) = asked.as_deref().and_then(|server| self.levels.of(server)) {
            return Ok(level);
        }
        let level = match self.read("INFO", "").await {
            Ok(info) => {
                let api = info.object("api");
                Level::Known(api.and_then(|api| api.number("level")).unwrap_or(0))
            }
            Err(error) if error.code == Code::Permissions => Level::Secret,
            // Another account may export some subjects of its API only. If it exports none, the next request
            // says so.
            Err(error) if error.code == Code::JetStreamNotEnabled => return Ok(Level::Secret),
            Err(error) => return Err(error),
        };
        if let Some(server) = self.server_id() {
            if asked.is_none_or(|asked| asked == server) {
                self.levels.remember(&server, level);
            }
        }
        Ok(level)
    }

    fn server_id(&self) -> Option<String> {
        let info = self.connection.server_info();
        info.map(|info| info.server_id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    fn fields(config: &str) -> Vec<&'static str> {
        let config = json(config);
        features_of(&config).map(|feature| feature.field).collect()
    }

    #[test]
    fn what_is_off_needs_no_server_that_knows_it() {
        assert!(fields("{}").is_empty());
        assert!(fields(r#"{"allow_msg_ttl":false,"subject_delete_marker_ttl":0}"#).is_empty());
        assert_eq!(
            fields(r#"{"allow_atomic":true,"allow_msg_ttl":true,"subject_delete_marker_ttl":5}"#),
            ["allow_msg_ttl", "subject_delete_marker_ttl", "allow_atomic"]
        );
    }

    #[test]
    fn what_a_server_has_ignored() {
        let asked = json(r#"{"allow_msg_ttl":true,"allow_atomic":true}"#);
        let lost = |config| lost_feature(&asked, &json(config)).map(|feature| feature.field);
        assert_eq!(lost("{}"), Some("allow_msg_ttl"));
        assert_eq!(lost(r#"{"allow_msg_ttl":true}"#), Some("allow_atomic"));
        assert_eq!(lost(r#"{"allow_msg_ttl":true,"allow_atomic":true}"#), None);
    }

    #[test]
    fn the_message_names_feature_and_version() {
        let error = FEATURES[2].missing();
        assert_eq!(error.code, Code::NotSupported);
        assert!(error
            .message
            .contains("(allow_atomic) needs NATS server 2.12"));
    }
}
