//! Statements that were sent and whose answers nobody has waited for yet: writing a batch would else be waiting for the
//! wire, once for every row.
//!
//! The server answers in the order it is asked. So whoever waits for a later answer has all earlier ones, too, and hears of
//! the first failure among them; a commit waits for all.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::driver::wait;
use crate::db::value::Owned;

/// Answers waited for at most.
const LONGEST: usize = 500;

type Answer = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>>;

/// Answers on their way.
#[derive(Default)]
pub(super) struct Queue(RefCell<VecDeque<Answer>>);

impl Queue {
    /// Sends a statement.
    pub(super) fn send(
        &self,
        client: Arc<Client>,
        statement: Statement,
        values: Vec<Owned>,
    ) -> Result<(), Error> {
        let mut answer: Answer = Box::pin(async move {
            let values: Vec<_> = values.iter().map(Owned::as_value).collect();
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            client.execute(&statement, &values).await
        });
        // Looking for the answer for the first time is what sends the question.
        if let Poll::Ready(done) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            done?;
            return Ok(());
        }
        self.0.borrow_mut().push_back(answer);
        if self.0.borrow().len() < LONGEST { Ok(()) } else { self.shorten(LONGEST / 2) }
    }

    /// Waits for all answers; the first failure.
    pub(super) fn drain(&self) -> Result<(), Error> {
        self.shorten(0)
    }

    fn shorten(&self, length: usize) -> Result<(), Error> {
        let mut first = Ok(());
        loop {
            let mut answers = self.0.borrow_mut();
            if answers.len() <= length {
                return first;
            }
            let answer = answers.pop_front();
            drop(answers);
            let done = answer.map_or(Ok(0), wait);
            first = first.and(done.map(|_| ()));
        }
    }
}
