//! One side of Kitbag: an engine with a real home, asked as an application would ask it.

use super::{Late, PATIENCE, Reply, Role, Voice};
use crate::{clock, corpus, homes};
use anyhow::{Context, Result, anyhow};
use kitbag_engine::NoteEdit;
use kitbag_engine::{Engine, ItemId, Listen, Notice, PackId, Settings, Zeroizing};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// What it can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Open a home.
    Open {
        /// Which.
        home: PathBuf,
        /// Where to listen on loopback; 0: where it did last time.
        port: u16,
        /// Whether to stay away from the network.
        offline: bool,
    },
    /// Go online; done when a peer is up to date. Counts the nanoseconds until it was online.
    Online {
        /// Seconds that it may take.
        within: u64,
    },
    /// Go online; done when there are so many notes in all packs together.
    GoOnlineFor {
        /// Notes.
        notes: u64,
        /// Seconds that it may take.
        within: u64,
    },
    /// Go offline.
    Offline,
    /// Make a pack with notes; says its id.
    Fill {
        /// Notes.
        notes: u64,
        /// Bytes of each body.
        bytes: usize,
    },
    /// Make a ticket.
    Share {
        /// The pack.
        pack: String,
        /// For how many.
        uses: u32,
    },
    /// Join a pack; done when so many notes are durable and listed.
    Join {
        /// The ticket.
        ticket: String,
        /// Notes.
        notes: u64,
        /// Seconds that it may take.
        within: u64,
    },
    /// Wait for something; the answer says when it was known.
    Await {
        /// For what.
        want: Want,
        /// Seconds that it may take.
        within: u64,
    },
    /// Add one note; says its id.
    Add {
        /// The pack.
        pack: String,
        /// Which note.
        number: u64,
        /// Bytes of its body.
        bytes: usize,
    },
    /// Change a few words in a note.
    Edit {
        /// The pack.
        pack: String,
        /// The note.
        note: String,
        /// What to put at the end of its body.
        word: String,
    },
    /// List a pack's notes; says their ids and counts them.
    List {
        /// The pack.
        pack: String,
    },
    /// How many peers are connected.
    Peers,
}

/// What to wait for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Want {
    /// A peer says that both are up to date.
    UpToDate,
    /// So many notes in all packs together.
    Notes(u64),
    /// A note whose body holds a word.
    Body {
        /// Its pack.
        pack: String,
        /// The note.
        note: String,
        /// The word.
        word: String,
    },
}

/// The side.
#[derive(Default)]
pub(crate) struct Kitbag {
    engine: Option<Engine>,
    notices: Option<Receiver<Notice>>,
}

impl Role for Kitbag {
    type Ask = Ask;

    async fn act(&mut self, ask: Ask, voice: &mut Voice) -> Result<Reply> {
        let started = clock::nanos();
        match ask {
            Ask::Open {
                home,
                port,
                offline,
            } => {
                let settings = Settings {
                    listen: Listen::Loopback(port),
                    offline,
                    ..Settings::new(home)
                };
                let engine = Engine::open(settings, None).await?;
                let reply = done(started);
                self.notices = Some(engine.notices()?);
                self.engine = Some(engine);
                Ok(reply)
            }
            Ask::Online { within } => {
                self.forget_news();
                let engine = self.engine()?.clone();
                engine.set_offline(false).await?;
                let online = clock::nanos();
                let mut reply = self.wait(&Want::UpToDate, started, within).await?;
                reply.count = online - started;
                Ok(reply)
            }
            Ask::GoOnlineFor { notes, within } => {
                self.forget_news();
                self.engine()?.set_offline(false).await?;
                self.wait(&Want::Notes(notes), started, within).await
            }
            Ask::Offline => {
                self.engine()?.set_offline(true).await?;
                Ok(done(started))
            }
            Ask::Fill { notes, bytes } => {
                let engine = self.engine()?;
                let pack = engine
                    .create_pack("filled".into(), kitbag_engine::Sensitivity::Internal)
                    .await?;
                let mut number = 0;
                while number < notes {
                    let upto = (number + homes::NOTES_AT_ONCE).min(notes);
                    let batch = (number..upto).map(|n| corpus::note(n, bytes)).collect();
                    engine.add_notes(pack.id, batch).await?;
                    number = upto;
                }
                Ok(Reply {
                    text: vec![pack.id.to_string()],
                    ..done(started)
                })
            }
            Ask::Share { pack, uses } => {
                let pack: PackId = parse(&pack)?;
                let shared = self.engine()?.share(pack, homes::teammate(uses)).await?;
                Ok(Reply {
                    text: vec![shared.ticket],
                    ..done(started)
                })
            }
            Ask::Join {
                ticket,
                notes,
                within,
            } => {
                self.forget_news();
                let engine = self.engine()?.clone();
                let started = clock::nanos();
                let limit = Duration::from_secs(within);
                let joined = engine.join(Zeroizing::new(ticket), None);
                tokio::time::timeout(limit, joined)
                    .await
                    .map_err(|_| anyhow!(Late(limit)))??;
                self.wait(&Want::Notes(notes), started, within).await
            }
            Ask::Await { want, within } => {
                self.forget_news();
                voice.ready().await?;
                self.wait(&want, started, within).await
            }
            Ask::Add {
                pack,
                number,
                bytes,
            } => {
                let (pack, note) = (parse(&pack)?, corpus::note(number, bytes));
                let engine = self.engine()?;
                let started = clock::nanos();
                let added = engine.add_note(pack, note).await?;
                Ok(Reply {
                    text: vec![added.id.to_string()],
                    ..done(started)
                })
            }
            Ask::Edit { pack, note, word } => {
                let (pack, note): (PackId, ItemId) = (parse(&pack)?, parse(&note)?);
                let engine = self.engine()?;
                let body = engine.note(pack, note).await?.body;
                let edit = NoteEdit {
                    body: Some(format!("{body} {word}")),
                    ..NoteEdit::default()
                };
                let started = clock::nanos();
                engine.edit_note(pack, note, edit).await?;
                Ok(done(started))
            }
            Ask::List { pack } => {
                let pack: PackId = parse(&pack)?;
                let engine = self.engine()?;
                let started = clock::nanos();
                let notes = engine.notes(pack).await?;
                let ended = clock::nanos();
                Ok(Reply {
                    started,
                    ended,
                    count: notes.len() as u64,
                    text: notes
                        .iter()
                        .take(100)
                        .map(|note| note.id.to_string())
                        .collect(),
                    ..Reply::default()
                })
            }
            Ask::Peers => {
                let status = self.engine()?.status().await?;
                let connected = status.peers.iter().filter(|peer| peer.connected);
                Ok(Reply {
                    count: connected.count() as u64,
                    ..done(started)
                })
            }
        }
    }

    async fn end(self) {
        if let Some(engine) = self.engine {
            engine.shutdown().await;
        }
    }
}

impl Kitbag {
    fn engine(&self) -> Result<&Engine> {
        self.engine.as_ref().context("no home is open")
    }

    fn forget_news(&mut self) {
        let Some(notices) = &mut self.notices else {
            return;
        };
        while !matches!(
            notices.try_recv(),
            Err(TryRecvError::Empty | TryRecvError::Closed)
        ) {}
    }

    /// Looks at every piece of news whether what is wanted has come, and says when that piece came.
    async fn wait(&mut self, want: &Want, started: u64, within: u64) -> Result<Reply> {
        let limit = Duration::from_secs(within);
        let until = Instant::now() + limit;
        let engine = self.engine()?.clone();
        if !matches!(want, Want::UpToDate) && holds(&engine, want).await? {
            return Ok(done(started));
        }
        let notices = self.notices.as_mut().context("no home is open")?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(anyhow!(Late(limit)));
            }
            let news = tokio::time::timeout(left.min(LOOK_EVERY), notices.recv()).await;
            let ended = clock::nanos();
            let here = match (news, want) {
                (Ok(Ok(Notice::UpToDate(_))), Want::UpToDate) => true,
                (_, Want::UpToDate) => false,
                // Counting all packs costs the engine something: only when a round of sync is over.
                (Ok(Ok(Notice::UpToDate(_))) | Err(_), Want::Notes(_))
                | (Ok(Ok(Notice::Changed(_))), Want::Body { .. }) => holds(&engine, want).await?,
                (Ok(Err(RecvError::Closed)), _) => false,
                _ => false,
            };
            if here {
                return Ok(Reply {
                    started,
                    ended,
                    ..Reply::default()
                });
            }
        }
    }
}

/// Without news, how often to look anyway: it may have been among what a lagging listener missed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

async fn holds(engine: &Engine, want: &Want) -> Result<bool> {
    Ok(match want {
        Want::UpToDate => false,
        Want::Notes(notes) => {
            let packs = engine.packs().await?;
            packs.iter().map(|pack| pack.notes).sum::<u64>() >= *notes
        }
        Want::Body { pack, note, word } => {
            let found = engine.note(parse(pack)?, parse(note)?).await;
            found.is_ok_and(|note| note.body.contains(word))
        }
    })
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| anyhow!("not an id: {text}"))
}

fn done(started: u64) -> Reply {
    Reply {
        started,
        ended: clock::nanos(),
        ..Reply::default()
    }
}

/// Asks a process that plays this role, in the time that requests usually have.
pub(crate) async fn ask(player: &mut super::Player, ask: Ask) -> Result<Reply> {
    player.ask(&ask, PATIENCE).await
}
