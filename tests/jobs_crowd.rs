//! Three tabs that run the same job at once, and a fourth that looks at its result and changes its documents meanwhile.
//!
//! Who is killed or frozen, and when, is the tests' affair: it sees that the others come to the end, and that the result is right.

use std::cell::Cell;
use std::rc::Rc;

use tidewell_core::base::Error;
use tidewell_core::disk::LocalFuture;

use crate::jobs_world::{text, Tab, World};

/// What a tab was given to do; `None` once the tab is gone.
type Life<E, T = ()> = LocalFuture<'static, Option<Result<T, E>>>;

/// The tabs, at work.
pub(crate) struct Crowd {
    world: Rc<World>,
    pub(crate) runners: Vec<Rc<Tab>>,
    lives: Vec<Life<Error>>,
    killed: Vec<usize>,
    watching: Life<String, u64>,
    changing: Life<Error>,
    done: Rc<Cell<bool>>,
}

impl Crowd {
    /// Fills the world, and begins.
    pub(crate) async fn begin(world: &Rc<World>, seed: u64) -> Result<Self, Error> {
        let first = world.open().await?;
        world.fill(&first).await?;
        let (watcher, done) = (world.open().await?, Rc::new(Cell::new(false)));
        let (shared, eyes, flag) = (Rc::clone(world), Rc::clone(&watcher), Rc::clone(&done));
        let watching = watcher.platform.run(async move { shared.watch(&eyes, &flag).await });
        let (shared, hands, flag) = (Rc::clone(world), Rc::clone(&watcher), Rc::clone(&done));
        let changing = watcher.platform.run(async move { shared.change(&hands, seed, &flag).await });
        let (mut runners, mut lives) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let tab = world.open().await?;
            let (shared, runner) = (Rc::clone(world), Rc::clone(&tab));
            lives.push(tab.platform.run(async move { shared.run_job(&runner).await }));
            runners.push(tab);
        }
        Ok(Self { world: Rc::clone(world), runners, lives, killed: Vec::new(), watching, changing, done })
    }

    /// Kills a runner.
    pub(crate) fn kill(&mut self, runner: usize) {
        self.runners[runner].platform.kill();
        self.killed.push(runner);
    }

    /// Waits until whoever is alive has run the job, and looks at the result from a tab that comes late.
    pub(crate) async fn end(self) -> Result<(), String> {
        for (runner, life) in self.lives.into_iter().enumerate() {
            match life.await {
                Some(result) => result.map_err(text)?,
                None if self.killed.contains(&runner) => {}
                None => return Err("a runner vanished".to_owned()),
            }
        }
        self.done.set(true);
        let looks = self.watching.await.unwrap_or(Ok(0))?;
        self.changing.await.unwrap_or(Ok(())).map_err(text)?;
        if looks == 0 {
            return Err("nobody looked".to_owned());
        }
        let late = self.world.open().await.map_err(text)?;
        self.world.verify(&late).await
    }
}
