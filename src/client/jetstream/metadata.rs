//! What the reply subject of a delivered message says about it ([ADR-15]).
//!
//! Every message that a consumer delivers passes through here, so nothing is allocated.
//!
//! [ADR-15]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md

const PREFIX: &str = "$JS.ACK.";

/// The longest form, with a domain, an account hash and a random token at the end.
const MAX_TOKENS: usize = 10;

/// Where a message stands in its stream and with its consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// `None` also if the server names none (`_`).
    pub domain: Option<&'a str>,
    pub stream: &'a str,
    pub consumer: &'a str,
    /// How many times it was delivered, this time included.
    pub num_delivered: u64,
    pub stream_seq: u64,
    pub consumer_seq: u64,
    /// When it was stored, in nanoseconds since the epoch.
    pub timestamp_ns: i64,
    /// Messages left for the consumer.
    pub num_pending: u64,
}

impl<'a> Metadata<'a> {
    /// Reads a reply subject; `None` if it is not an acknowledgement subject.
    ///
    /// There are two forms: `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer
    /// seq>.<ns>.<pending>`, and one with `<domain>.<account hash>` in front of the stream and
    /// possibly more tokens at the end.
    pub fn parse(reply: &'a str) -> Option<Metadata<'a>> {
        let mut tokens = [""; MAX_TOKENS];
        let mut count = 0;
        for token in reply.strip_prefix(PREFIX)?.splitn(MAX_TOKENS, '.') {
            tokens[count] = token;
            count += 1;
        }
        match (count, &tokens) {
            (7, [fields @ .., _, _, _]) => Metadata::from_fields(None, fields),
            (9 | 10, [domain, _account, fields @ .., _]) => {
                Metadata::from_fields(Some(*domain).filter(|domain| *domain != "_"), fields)
            }
            _ => None,
        }
    }

    fn from_fields(domain: Option<&'a str>, fields: &[&'a str; 7]) -> Option<Metadata<'a>> {
        let [stream, consumer, delivered, stream_seq, consumer_seq, timestamp, pending] = *fields;
        Some(Metadata {
            domain,
            stream,
            consumer,
            num_delivered: delivered.parse().ok()?,
            stream_seq: stream_seq.parse().ok()?,
            consumer_seq: consumer_seq.parse().ok()?,
            timestamp_ns: timestamp.parse().ok()?,
            num_pending: pending.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tokens() {
        assert_eq!(
            Metadata::parse("$JS.ACK.S.C.1.20.3.1669123895451498300.7"),
            Some(Metadata {
                domain: None,
                stream: "S",
                consumer: "C",
                num_delivered: 1,
                stream_seq: 20,
                consumer_seq: 3,
                timestamp_ns: 1_669_123_895_451_498_300,
                num_pending: 7,
            })
        );
    }

    #[test]
    fn eleven_tokens_and_more() {
        for tail in ["", ".rAnd0m", ".rAnd0m.and.more"] {
            let reply = format!("$JS.ACK.hub.hAsh.S.C.1.2.3.4.5{tail}");
            let metadata = Metadata::parse(&reply).unwrap();
            assert_eq!(metadata.domain, Some("hub"), "{reply}");
            assert_eq!(metadata.stream, "S");
            assert_eq!(metadata.consumer_seq, 3);
            assert_eq!(metadata.num_pending, 5);
        }
        let metadata = Metadata::parse("$JS.ACK._.hAsh.S.C.1.2.3.4.5").unwrap();
        assert_eq!(metadata.domain, None);
    }

    #[test]
    fn anything_else() {
        for reply in [
            "",
            "_INBOX.x",
            "$JS.ACK.S.C.1.2.3.4",
            "$JS.ACK.d.S.C.1.2.3.4.5",
            "$JS.ACK.S.C.1.x.3.4.5",
            "$JS.ACK.S.C.1.-2.3.4.5",
            "$JS.ACK.S.C.1..3.4.5",
            "$JS.FC.S.C.abc",
        ] {
            assert_eq!(Metadata::parse(reply), None, "{reply}");
        }
    }

    #[test]
    fn fuzz_reply_subjects() {
        let samples = [
            "$JS.ACK.S.C.1.20.3.1669123895451498300.7",
            "$JS.ACK.hub.hAsh.S.C.1.2.3.4.5.rAnd0m",
            "$JS.ACK._.hAsh.S.C.1.2.3.4.5",
        ];
        fuzz::texts(&samples, |reply| {
            let Some(m) = Metadata::parse(reply) else {
                return;
            };
            let numbers = format!(
                "{}.{}.{}.{}.{}",
                m.num_delivered, m.stream_seq, m.consumer_seq, m.timestamp_ns, m.num_pending
            );
            let short = format!("$JS.ACK.{}.{}.{numbers}", m.stream, m.consumer);
            let again = Metadata::parse(&short).expect("what was read can be read");
            assert_eq!(again, Metadata { domain: None, ..m });
        });
    }
}
