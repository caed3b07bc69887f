//! Commits of the disk: issued once, acknowledged on `complete`, never repeated after a request was issued.
//!
//! Not the requests: `issue.rs` makes them.

use std::rc::Rc;

use tidewell_core::disk::{Area, Batch, DiskError, Durability, LocalFuture, RangeReads};

use super::connection::Connection;
use super::disk::{into_error, Inner, ATTEMPTS};
use super::failure::Failure;
use super::flight::End;
use super::floors::{Floors, Interest};
use super::issued::Issued;

impl Inner {
    /// Finds out whether an explicit commit can be trusted; if that fails it is tried again the next time.
    async fn probe(&self, connection: &Connection) {
        let Ok(issued) = self.issuer.probe(connection) else { return };
        let _armed = self.deadlines.arm(&issued.end);
        match issued.end.clone().await {
            End::Complete => self.issuer.learn(true),
            End::Aborted => self.issuer.learn(false),
            End::Unread | End::Failed(_) | End::Expired => {}
        }
    }

    pub(super) async fn commit(
        self: &Rc<Self>,
        batch: &Batch,
        durability: Durability,
    ) -> Result<RangeReads, DiskError> {
        let mut detail = String::new();
        for _ in 0..ATTEMPTS {
            let connection = self.connection().await?;
            let turn = connection.turn().await;
            if turn.is_none() && self.issuer.is_curious_about(batch) {
                self.probe(&connection).await;
            }
            let floors = self.state.borrow().floors.clone();
            let issued = match self.issuer.commit(&connection, batch, durability, floors.generation) {
                Ok(issued) => issued,
                // Nothing was issued, so the same batch may go through another connection.
                Err(Failure::Dead(text)) => {
                    self.abandon(&connection);
                    detail = text;
                    continue;
                }
                Err(failure) => return Err(into_error(failure)),
            };
            let landed = self.landed(&issued).await;
            drop(turn);
            return match landed {
                Ok(()) => self.answer(&connection, batch, floors, &issued).await.map_err(interrupted),
                // Not an insert of the batch: somebody else made the next generation of the floors. Nothing happened.
                Err(Failure::Constraint(text)) => {
                    self.refresh(&connection).await?;
                    detail = text;
                    continue;
                }
                Err(failure) => {
                    if matches!(failure, Failure::Dead(_) | Failure::Final(DiskError::Interrupted(_))) {
                        self.abandon(&connection);
                    }
                    Err(into_error(failure))
                }
            };
        }
        Err(DiskError::Interrupted(detail))
    }

    /// The answer to a batch that was committed when `floors` were known.
    async fn answer(
        &self,
        connection: &Connection,
        batch: &Batch,
        known: Floors,
        issued: &Issued,
    ) -> Result<RangeReads, DiskError> {
        let mut answer = issued.ranges().map_err(into_error)?;
        let floors = match Interest::of(batch) {
            Interest::None => return Ok(answer),
            Interest::Changes => {
                let after = known.after(batch);
                self.remember(&after);
                after
            }
            Interest::Reads if issued.floors_changed().map_err(into_error)? => {
                let floors = self.refresh(connection).await?;
                if floors.generation != known.generation + 1 {
                    return Err(DiskError::Interrupted("the log's floor moved more than once meanwhile".into()));
                }
                floors
            }
            Interest::Reads => known,
        };
        for (range, contents) in batch.reads.iter().zip(&mut answer) {
            if range.area == Area::Floor {
                *contents = floors.within(range);
            }
        }
        Ok(answer)
    }

    /// Reads the floors anew.
    fn refresh<'a>(&'a self, connection: &'a Connection) -> LocalFuture<'a, Result<Floors, DiskError>> {
        Box::pin(async move {
            let (_, floors) = self.identity(connection).await?;
            self.remember(&floors);
            Ok(floors)
        })
    }

    fn remember(&self, floors: &Floors) {
        let mut state = self.state.borrow_mut();
        if state.floors.generation < floors.generation {
            state.floors = floors.clone();
        }
    }
}

/// The error of a commit that did happen.
fn interrupted(error: DiskError) -> DiskError {
    match error {
        DiskError::Unavailable(detail) | DiskError::Quota(detail) => DiskError::Interrupted(detail),
        error => error,
    }
}
