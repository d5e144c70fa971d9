//! A body that ends with the session of who reads it: pages look at the session with each request, a stream has but one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::Frame;

use super::Console;
use super::visitor::{Needs, Visitor};
use crate::auth::session_token::SessionToken;

/// How long a session is believed to hold.
const HOLDS: Duration = Duration::from_secs(2);

/// The body, and what comes to an end with the session.
pub struct WhileSignedIn {
    body: Body,
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl WhileSignedIn {
    /// As long as this visitor is signed in.
    pub fn new<N: Needs>(visitor: &Visitor<N>, body: Body) -> Self {
        let end = end_of(visitor.console.clone(), visitor.token.clone());
        Self {
            body,
            end: Some(Box::pin(end)),
        }
    }
}

async fn end_of(console: Console, token: SessionToken) {
    loop {
        tokio::time::sleep(HOLDS).await;
        let now = console.0.settings.clock.now();
        match console.stores().users.session(&token.fingerprint(), now).await {
            Ok(Some(user)) if !user.must_change => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "a stream of the console was ended, its reader may come again");
                return;
            }
        }
    }
}

impl http_body::Body for WhileSignedIn {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(end) = &mut self.end else {
            return Poll::Ready(None);
        };
        if end.as_mut().poll(cx).is_ready() {
            self.end = None;
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}
