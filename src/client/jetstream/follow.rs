//! An ordered consumer that a task reads, from the first message to the last one it wants.

use tokio::sync::mpsc;

use super::ordered::{
    Change, DeliverPolicy, Item, Observer, OrderedConfig, OrderedConsumer, Resume,
};
use super::JetStream;
use crate::client::connection::Hold;
use crate::client::error::{Error, Result};

/// What comes of a consumer, in order. Dropping it ends the consumer at once: left to its inactivity, many calls would
/// meet the server's limit of consumers.
pub(crate) struct Following {
    consumer: OrderedConsumer,
    news: mpsc::UnboundedReceiver<News>,
    /// What the consumer said last.
    error: Option<Error>,
}

enum News {
    Item(Item),
    Change(Change),
}

/// Passes on what comes. How much that may be before it was dealt with is up to the consumer's questions.
struct Postman {
    news: mpsc::UnboundedSender<News>,
    resume: Resume,
}

impl Postman {
    fn pass(&self, news: News) {
        // Nobody may be interested any more.
        let _ = self.news.send(news);
    }
}

impl Observer for Postman {
    fn deliver(&mut self, items: &mut Vec<Item>) {
        for mut item in items.drain(..) {
            if let Item::Message(delivery) = &mut item {
                delivery.message.detach();
            }
            self.pass(News::Item(item));
        }
    }

    fn changed(&mut self, change: Change) {
        self.pass(News::Change(change));
    }

    /// It goes on to its end.
    fn drain(&mut self, _: &Hold) -> bool {
        false
    }

    fn resume(&mut self) -> Resume {
        self.resume
    }
}

impl Following {
    /// Creates the consumer. One of the latest messages begins anew if it has to be made again, any other goes on.
    ///
    /// # Errors
    /// Those of [`OrderedConsumer::create`].
    pub(crate) async fn begin(js: &JetStream, config: OrderedConfig) -> Result<Following> {
        let (sender, news) = mpsc::unbounded_channel();
        let postman = Postman {
            news: sender,
            resume: match config.deliver_policy {
                DeliverPolicy::LastPerSubject => Resume::Replay,
                _ => Resume::FromNext,
            },
        };
        let consumer = OrderedConsumer::create(js, config, Box::new(postman)).await?;
        consumer.start();
        Ok(Following {
            consumer,
            news,
            error: None,
        })
    }

    /// What comes next. May be given up at any time.
    ///
    /// # Errors
    /// Why nothing comes any more: `StreamNotFound`, `ConnectionClosed`.
    pub(crate) async fn next(&mut self) -> Result<Item> {
        loop {
            match self.news.recv().await {
                Some(News::Item(item)) => return Ok(item),
                Some(News::Change(Change::Error(error))) => self.error = Some(error),
                Some(News::Change(
                    Change::Unlinked | Change::Resetting | Change::Created { .. },
                )) => {}
                Some(News::Change(Change::Stopped)) | None => return Err(self.end()),
            }
        }
    }

    fn end(&mut self) -> Error {
        self.error.take().unwrap_or_else(Error::connection_closed)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.consumer.remove();
    }
}
