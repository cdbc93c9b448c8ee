//! Everything async-nats tells, in words, for the log of the connection whose task tells it.

use std::fmt::{self, Write};

use tracing_core::field::{Field, Visit};
use tracing_core::Event;

use crate::client::connection::reports::{self, Report};

/// Fields whose events are left out: a CONNECT has passwords in it, an operation the payloads of messages.
const PRIVATE: [&str; 2] = ["connect_info", "op"];

/// Sends an event to the log, as `transport: <level> <message> <field>=<value> ...`.
pub(super) fn tell(event: &Event<'_>) {
    let metadata = event.metadata();
    if PRIVATE
        .iter()
        .any(|name| metadata.fields().field(name).is_some())
    {
        return;
    }
    let mut words = Words::default();
    event.record(&mut words);
    let Words { message, fields } = words;
    let line = format!("transport: {} {message}{fields}", metadata.level());
    reports::heard(Report::Trace(line));
}

#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::lazy;
    use tracing_core::span::{Attributes, Id, Record};
    use tracing_core::{dispatcher, Dispatch, Metadata, Subscriber};

    use super::*;
    use crate::client::connection::reader::spawned_by;
    use crate::client::connection::reports::Reports;

    struct All;

    impl Subscriber for All {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn event(&self, event: &Event<'_>) {
            tell(event);
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[tokio::test]
    async fn a_line_for_each_event_but_those_with_secrets() {
        let (go, wait) = tokio::sync::oneshot::channel();
        let link = async move {
            let _ = wait.await;
            dispatcher::with_default(&Dispatch::new(All), || {
                tracing::trace!(connect_info = "password", "write operation: CONNECT");
                tracing::debug!(bytes = 3, from = %"here", "read {}", "it");
            });
        };
        let (link, reader) = spawned_by(lazy(|_| tokio::spawn(link))).await;
        let mut reports = Reports::of(reader);
        go.send(()).unwrap();
        link.await.unwrap();
        let line = "transport: DEBUG read it bytes=3 from=here".to_owned();
        assert_eq!(reports.next().await, Some(Report::Trace(line)));
    }
}
