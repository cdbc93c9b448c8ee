//! What a server says about itself.

use std::ops::Deref;

use async_nats::ServerInfo as Known;
use serde_json::{Map, Value};

/// The INFO of a handshake, and what is known from later ones.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// What async-nats understands of it.
    known: Known,
    /// Other fields; async-nats hands out none, so that they come from later INFOs.
    others: Map<String, Value>,
}

impl From<Known> for ServerInfo {
    fn from(known: Known) -> ServerInfo {
        ServerInfo {
            known,
            others: Map::new(),
        }
    }
}

impl Deref for ServerInfo {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.known
    }
}

/// Fields that belong to the connection on which an INFO comes.
const OF_CONNECTION: [&str; 3] = ["client_id", "client_ip", "nonce"];

impl ServerInfo {
    /// The fields that async-nats does not know.
    pub fn others(&self) -> &Map<String, Value> {
        &self.others
    }

    /// Whether the server belongs to a cluster, or tells about others.
    pub(super) fn has_cluster(&self) -> bool {
        self.known.cluster.is_some() || !self.known.connect_urls.is_empty()
    }

    /// The server is going to shut down.
    pub(super) fn set_lame_duck(&mut self) {
        self.known.lame_duck_mode = true;
    }

    /// Merges an INFO that came on another connection, unless it is that of another server, which may have
    /// answered at the same address. Returns whether something changed.
    pub(super) fn merge(&mut self, mut fields: Map<String, Value>) -> bool {
        for name in OF_CONNECTION {
            fields.remove(name);
        }
        // The types are wrong: nothing can be believed.
        let Ok(fresh) = serde_json::from_value::<Known>(Value::Object(fields.clone())) else {
            return false;
        };
        if fresh.server_id != self.known.server_id {
            return false;
        }
        let known = self.known.clone();
        self.take_known(&mut fields, fresh);
        let mut changed = known != self.known;
        for (name, value) in fields {
            changed |= self.others.get(&name) != Some(&value);
            self.others.insert(name, value);
        }
        changed
    }

    /// Takes the given ones of the fields that async-nats knows.
    fn take_known(&mut self, given: &mut Map<String, Value>, fresh: Known) {
        macro_rules! take {
            ($($name:literal $field:ident)*) => {
                $(if given.remove($name).is_some() {
                    self.known.$field = fresh.$field;
                })*
            };
        }
        take! {
            "server_id" server_id
            "server_name" server_name
            "host" host
            "port" port
            "version" version
            "auth_required" auth_required
            "tls_required" tls_required
            "max_payload" max_payload
            "proto" proto
            "go" go
            "connect_urls" connect_urls
            "headers" headers
            "ldm" lame_duck_mode
            "cluster" cluster
            "domain" domain
            "jetstream" jetstream
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(info: &mut ServerInfo, fields: Value) -> bool {
        info.merge(fields.as_object().cloned().unwrap_or_default())
    }

    fn info(fields: Value) -> ServerInfo {
        serde_json::from_value::<Known>(fields).unwrap().into()
    }

    #[test]
    fn a_later_info_is_merged() {
        let first = json!({"server_id": "A", "client_id": 7, "nonce": "n", "max_payload": 10});
        let mut info = info(first);
        assert!(!info.has_cluster());
        let later = json!({"server_id": "A", "client_id": 8, "client_ip": "::1", "nonce": "m",
            "connect_urls": ["a:1"], "git_commit": "abc", "tls_available": true});
        assert!(merged(&mut info, later.clone()));
        assert!(!merged(&mut info, later));
        assert!(info.has_cluster());
        assert_eq!((info.client_id, info.max_payload), (7, 10));
        assert_eq!((info.nonce.as_str(), info.client_ip.as_str()), ("n", ""));
        assert_eq!(info.connect_urls, ["a:1"]);
        let names: Vec<&String> = info.others().keys().collect();
        assert_eq!(names, ["git_commit", "tls_available"]);
    }

    #[test]
    fn what_is_not_told_again_stays() {
        let mut info = info(json!({"server_id": "A", "connect_urls": ["a:1"], "cluster": "C"}));
        info.set_lame_duck();
        assert!(merged(
            &mut info,
            json!({"server_id": "A", "connect_urls": []})
        ));
        assert!(info.lame_duck_mode && info.cluster.is_some());
        assert!(info.connect_urls.is_empty());
    }

    #[test]
    fn what_cannot_be_believed_changes_nothing() {
        let mut info = info(json!({"max_payload": 10}));
        assert!(!merged(&mut info, json!({"max_payload": "x", "new": 1})));
        assert!(!merged(
            &mut info,
            json!({"server_id": "B", "max_payload": 2})
        ));
        assert!(info.others().is_empty());
    }
}
