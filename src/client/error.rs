//! One error type; its codes are the documented `NATS Err…` codes.

use std::fmt;

/// What went wrong, as scripts see it in `-errorcode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// No connection, or it was closed while an operation was waiting.
    ConnectionClosed,
    /// Every server was tried without success, or there is none to try.
    NoServers,
    /// An argument is malformed; nothing was sent.
    InvalidArg,
    /// An option of type timeout is malformed.
    BadTimeout,
    /// A subject the protocol does not allow.
    BadSubject,
    /// A queue group name the protocol does not allow.
    BadQueueName,
    /// An unknown or ended subscription.
    BadSubscription,
    /// The payload is longer than the server accepts.
    MaxPayload,
    /// The server does not support headers.
    HeadersNotSupported,
    /// The server is too old for this call.
    NotSupported,
    /// No answer in time.
    Timeout,
    /// Nobody listens on the subject of a request.
    NoResponders,
    /// The coroutine that waited is gone.
    InvalidCoroutine,
    /// The server closed the connection, or the network broke.
    BrokenSocket,
    /// TCP connection or name look-up failed.
    ConnectionRefused,
    /// A server did not complete the handshake in time.
    ConnectionTimeout,
    /// TLS handshake or certificate trouble.
    Tls,
    /// TLS was wanted and the server offers none.
    SecureConnWanted,
    /// The server stopped answering PINGs.
    StaleConnection,
    /// Missing or rejected credentials.
    Authorization,
    /// Credentials ran out.
    AuthExpired,
    /// Credentials were revoked.
    AuthRevoked,
    /// The account's credentials ran out.
    AccountAuthExpired,
    /// Publishing or subscribing is not permitted.
    Permissions,
    /// Any other error text of a server.
    Server,
    /// A message that cannot be understood.
    Protocol,
    /// A header block that cannot be understood.
    BadHeaderMsg,
    /// Messages come faster than a script works them off; some are dropped.
    SlowConsumer,
    /// Too much waits to be sent.
    OutboundFull,
    /// JetStream is off on this server.
    JetStreamNotEnabled,
    /// JetStream is off for this account (503/10039).
    JetStreamNotEnabledForAccount,
    /// An expected sequence did not match (400/10071, 400/10164).
    WrongLastSequence,
    /// No such stream (404/10059).
    StreamNotFound,
    /// No such consumer (404/10014).
    ConsumerNotFound,
    /// No such message (404/10037).
    MsgNotFound,
    /// The message was not delivered by JetStream.
    NotJsMessage,
    /// Any other error reply of the JetStream API.
    JsResponse { code: u64, err_code: u64 },
    /// A service has answered with an error.
    Service { code: i64 },
    /// Heartbeats of an ordered or pull consumer were missed.
    ConsumerNotActive,
    /// An ordered consumer saw a gap.
    ConsumerSequenceMismatch,
    /// No such bucket.
    BucketNotFound,
    /// No such bucket, as `status`, `watch`, `keys` and `history` have always spelled it: without `Err`.
    BucketNotFoundBare,
    /// No such key, or it was deleted.
    KeyNotFound,
    /// A bucket has not got as far as the revision from which it is to be watched.
    RevisionNotFound,
    /// A bucket changed all the time while it was read.
    NotConsistent,
    /// A codec of keys or values failed.
    Codec,
    /// The value is a counter, or is none.
    NotCounter,
    /// No such object, or it was deleted.
    ObjectNotFound,
    /// There is another object where one was to be.
    ObjectExists,
    /// An object is a link where that is not allowed, or leads nowhere.
    ObjectLink,
    /// What is stored of an object does not fit together: its `digest`, `chunks` or `meta`.
    ObjectCorrupt(&'static str),
    /// An object was replaced while it was read.
    ObjectChanged,
    /// An object is larger than a value can be.
    ObjectTooLarge,
    /// The caller has ended the call.
    Cancelled,
    /// An error of the operating system, by its number. The message lacks what the system says of it.
    Posix(i32),
    /// An error of whoever supplies or takes bytes, with the words of a code of its own.
    Foreign(Vec<String>),
    /// Somebody else holds the lock.
    Locked,
    /// A logger failed.
    Log,
    /// A defect of this package: a panic was caught.
    Internal,
}

impl Code {
    /// Whether this is told by a look at the arguments and at the connection, without asking a server.
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Code::InvalidArg
                | Code::BadTimeout
                | Code::BadSubject
                | Code::BadQueueName
                | Code::MaxPayload
                | Code::HeadersNotSupported
                | Code::NotSupported
                | Code::ConnectionClosed
                | Code::OutboundFull
                | Code::Codec
        )
    }

    /// The words of the error code after `NATS`: one, and the numbers that some have behind it.
    pub fn words(&self) -> (&'static str, Vec<String>) {
        let word = match self {
            Code::ConnectionClosed => "ErrConnectionClosed",
            Code::NoServers => "ErrNoServers",
            Code::InvalidArg => "ErrInvalidArg",
            Code::BadTimeout => "ErrBadTimeout",
            Code::BadSubject => "ErrBadSubject",
            Code::BadQueueName => "ErrBadQueueName",
            Code::BadSubscription => "ErrBadSubscription",
            Code::MaxPayload => "ErrMaxPayload",
            Code::HeadersNotSupported => "ErrHeadersNotSupported",
            Code::NotSupported => "ErrNotSupported",
            Code::Timeout => "ErrTimeout",
            Code::NoResponders => "ErrNoResponders",
            Code::InvalidCoroutine => "ErrInvalidCoroutine",
            Code::BrokenSocket => "ErrBrokenSocket",
            Code::ConnectionRefused => "ErrConnectionRefused",
            Code::ConnectionTimeout => "ErrConnectionTimeout",
            Code::Tls => "ErrTLS",
            Code::SecureConnWanted => "ErrSecureConnWanted",
            Code::StaleConnection => "ErrStaleConnection",
            Code::Authorization => "ErrAuthorization",
            Code::AuthExpired => "ErrAuthExpired",
            Code::AuthRevoked => "ErrAuthRevoked",
            Code::AccountAuthExpired => "ErrAccountAuthExpired",
            Code::Permissions => "ErrPermissions",
            Code::Server => "ErrServer",
            Code::Protocol => "ErrProtocol",
            Code::BadHeaderMsg => "ErrBadHeaderMsg",
            Code::SlowConsumer => "ErrSlowConsumer",
            Code::OutboundFull => "ErrOutboundFull",
            Code::JetStreamNotEnabled => "ErrJetStreamNotEnabled",
            Code::JetStreamNotEnabledForAccount => "ErrJetStreamNotEnabledForAccount",
            Code::WrongLastSequence => "ErrWrongLastSequence",
            Code::StreamNotFound => "ErrStreamNotFound",
            Code::ConsumerNotFound => "ErrConsumerNotFound",
            Code::MsgNotFound => "ErrMsgNotFound",
            Code::NotJsMessage => "ErrNotJSMessage",
            Code::JsResponse { .. } => "ErrJSResponse",
            Code::Service { .. } => "ErrService",
            Code::ConsumerNotActive => "ErrConsumerNotActive",
            Code::ConsumerSequenceMismatch => "ErrConsumerSequenceMismatch",
            Code::BucketNotFound => "ErrBucketNotFound",
            Code::BucketNotFoundBare => "BucketNotFound",
            Code::KeyNotFound => "ErrKeyNotFound",
            Code::RevisionNotFound => "ErrRevisionNotFound",
            Code::NotConsistent => "ErrNotConsistent",
            Code::Codec => "ErrCodec",
            Code::NotCounter => "ErrNotCounter",
            Code::ObjectNotFound => "ErrObjectNotFound",
            Code::ObjectExists => "ErrObjectExists",
            Code::ObjectLink => "ErrObjectLink",
            Code::ObjectCorrupt { .. } => "ErrObjectCorrupt",
            Code::ObjectChanged => "ErrObjectChanged",
            Code::ObjectTooLarge => "ErrObjectTooLarge",
            Code::Cancelled => "ErrCancelled",
            // These have codes that are not of this package.
            Code::Posix(_) | Code::Foreign(_) => "",
            Code::Locked => "ErrLocked",
            Code::Log => "ErrLog",
            Code::Internal => "ErrInternal",
        };
        let numbers = match self {
            Code::JsResponse { code, err_code } => vec![code.to_string(), err_code.to_string()],
            Code::Service { code } => vec![code.to_string()],
            Code::ObjectCorrupt(what) => vec![(*what).to_string()],
            _ => Vec::new(),
        };
        (word, numbers)
    }
}

/// A code to act on and a message to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub code: Code,
    pub message: String,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error {
            code,
            message: message.into(),
        }
    }

    pub fn connection_closed() -> Self {
        Error::new(Code::ConnectionClosed, "Connection closed")
    }

    pub fn invalid_arg(message: impl Into<String>) -> Self {
        Error::new(Code::InvalidArg, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;
