//! Which node follows the log. What follows it keeps one cursor for all nodes, so that only one may do so at a time.

use async_trait::async_trait;

/// Lets one node at a time lead.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// Waits until this node leads.
    async fn lead(&self) -> Box<dyn Term>;
}

/// The time that a node leads; it ends when this is dropped, too.
#[async_trait]
pub trait Term: Send {
    /// Waits until another node may lead.
    async fn lost(&mut self);
    /// Waits until this node leads again. False: another one led meanwhile.
    async fn regain(&mut self) -> bool;
    /// Lets another node lead.
    async fn end(self: Box<Self>);
}

/// A term without end, for a store that one node has to itself.
pub struct Alone;

#[async_trait]
impl Leadership for Alone {
    async fn lead(&self) -> Box<dyn Term> {
        Box::new(Self)
    }
}

#[async_trait]
impl Term for Alone {
    async fn lost(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn regain(&mut self) -> bool {
        true
    }

    async fn end(self: Box<Self>) {}
}
