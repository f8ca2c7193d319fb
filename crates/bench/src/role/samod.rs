//! One side of samod 0.16: a repository in memory, over TCP on loopback, set up as its documentation
//! does. It neither seals nor signs nor writes to disk.

use super::{Late, Reply, Role, Voice};
use crate::{clock, corpus};
use anyhow::{Context, Result, anyhow};
use automerge::transaction::Transactable;
use automerge::{Automerge, ObjType, ROOT, ReadDoc};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt, join_all};
use samod::{BackoffConfig, DialError, Dialer, DialerHandle, DocHandle, Repo, Transport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// What it can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Make documents with notes; says their ids.
    Fill {
        /// Documents.
        docs: u64,
        /// Notes in each.
        notes: u64,
        /// Bytes of each body.
        bytes: usize,
        /// Whether bodies are Text, merged by character, or plain strings.
        text: bool,
    },
    /// Listen; says where.
    Listen,
    /// Dial; done when the other side has greeted.
    Dial {
        /// Where.
        port: u16,
    },
    /// Drop the connection that was dialled.
    HangUp,
    /// Find documents; done when each has all its notes.
    Find {
        /// Their ids.
        ids: Vec<String>,
        /// Notes in each.
        notes: u64,
        /// Where to dial first; 0: already connected.
        port: u16,
        /// Seconds that it may take.
        within: u64,
    },
    /// Wait until a note's body holds a word.
    Await {
        /// The document.
        id: String,
        /// The note.
        number: u64,
        /// The word.
        word: String,
        /// Seconds that it may take.
        within: u64,
    },
    /// Add a note.
    Add {
        /// The document.
        id: String,
        /// Which note.
        number: u64,
        /// Bytes of its body.
        bytes: usize,
        /// Whether its body is Text.
        text: bool,
    },
    /// Put a word at the end of a note's body.
    Edit {
        /// The document.
        id: String,
        /// Which note.
        number: u64,
        /// The word.
        word: String,
        /// Whether its body is Text.
        text: bool,
    },
    /// Wait until nothing has gone over the wire for a while; says when the last byte did, and how
    /// many went since the last such question.
    Quiet {
        /// Milliseconds of silence that mean the end.
        millis: u64,
        /// Seconds that it may take.
        within: u64,
    },
}

/// The side.
#[derive(Default)]
pub(crate) struct Samod {
    repo: Option<Repo>,
    docs: BTreeMap<String, DocHandle>,
    dialled: Option<DialerHandle<Infallible>>,
    meter: Arc<Meter>,
    told: u64,
}

impl Role for Samod {
    type Ask = Ask;

    async fn act(&mut self, ask: Ask, voice: &mut Voice) -> Result<Reply> {
        let started = clock::nanos();
        match ask {
            Ask::Fill {
                docs,
                notes,
                bytes,
                text,
            } => {
                let repo = self.repo().await;
                let mut ids = Vec::new();
                for doc in 0..docs {
                    let doc = filled(doc * notes, notes, bytes, text)?;
                    let handle = repo.create(doc).await?;
                    let id = handle.document_id().to_string();
                    self.docs.insert(id.clone(), handle);
                    ids.push(id);
                }
                Ok(Reply {
                    text: ids,
                    ..done(started)
                })
            }
            Ask::Listen => self.listen(started).await,
            Ask::Dial { port } => {
                self.dial(port).await?;
                Ok(done(started))
            }
            Ask::HangUp => {
                if let Some(dialled) = self.dialled.take() {
                    dialled.close();
                }
                Ok(done(started))
            }
            Ask::Find {
                ids,
                notes,
                port,
                within,
            } => self.find(ids, notes, port, within).await,
            Ask::Await {
                id,
                number,
                word,
                within,
            } => {
                let handle = self.doc(&id)?;
                let mut changes = Box::pin(handle.changes());
                voice.ready().await?;
                let limit = Duration::from_secs(within);
                let wait = async {
                    loop {
                        if changes.next().await.is_none() {
                            return Err(anyhow!("the document is gone"));
                        }
                        let ended = clock::nanos();
                        if handle
                            .with_document(|doc| body(doc, number))
                            .is_some_and(|body| body.contains(&word))
                        {
                            return Ok(ended);
                        }
                    }
                };
                let ended = tokio::time::timeout(limit, wait)
                    .await
                    .map_err(|_| anyhow!(Late(limit)))??;
                Ok(Reply {
                    started,
                    ended,
                    ..Reply::default()
                })
            }
            Ask::Add {
                id,
                number,
                bytes,
                text,
            } => {
                let handle = self.doc(&id)?;
                let note = corpus::text(number, bytes);
                let started = clock::nanos();
                handle.with_document(|doc| put_note(doc, number, &note, text))?;
                Ok(done(started))
            }
            Ask::Edit {
                id,
                number,
                word,
                text,
            } => {
                let handle = self.doc(&id)?;
                let before = handle
                    .with_document(|doc| body(doc, number))
                    .context("no such note")?;
                let started = clock::nanos();
                handle.with_document(|doc| edit(doc, number, &before, &word, text))?;
                Ok(done(started))
            }
            Ask::Quiet { millis, within } => {
                let limit = Duration::from_secs(within);
                let until = Instant::now() + limit;
                loop {
                    let last = self.meter.last.load(Ordering::Acquire);
                    if clock::millis(last.max(started), clock::nanos())
                        >= Duration::from_millis(millis).as_secs_f64() * 1e3
                    {
                        let bytes = self.meter.bytes.load(Ordering::Acquire);
                        let count = bytes - std::mem::replace(&mut self.told, bytes);
                        return Ok(Reply {
                            started,
                            ended: last,
                            count,
                            ..Reply::default()
                        });
                    }
                    if Instant::now() > until {
                        return Err(anyhow!(Late(limit)));
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }

    async fn end(self) {
        if let Some(repo) = self.repo {
            let stopped = tokio::time::timeout(Duration::from_secs(5), repo.stop()).await;
            drop(stopped); // what hangs dies with the process
        }
    }
}

impl Samod {
    async fn repo(&mut self) -> Repo {
        match &self.repo {
            Some(repo) => repo.clone(),
            None => {
                let repo = Repo::build_tokio().load().await;
                self.repo.insert(repo).clone()
            }
        }
    }

    fn doc(&self, id: &str) -> Result<DocHandle> {
        self.docs.get(id).cloned().context("no such document")
    }

    async fn listen(&mut self, started: u64) -> Result<Reply> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let acceptor = self
            .repo()
            .await
            .make_acceptor(format!("tcp://127.0.0.1:{port}").parse()?)?;
        let meter = self.meter.clone();
        tokio::spawn(async move {
            while let Ok((io, _)) = listener.accept().await {
                let counted = Counted::new(io, meter.clone());
                if acceptor.accept_tokio_io(counted).is_err() {
                    return;
                }
            }
        });
        Ok(Reply {
            count: u64::from(port),
            ..done(started)
        })
    }

    async fn dial(&mut self, port: u16) -> Result<()> {
        let dialer = Arc::new(CountingDialer {
            port,
            meter: self.meter.clone(),
        });
        let dialled = self.repo().await.dial(BackoffConfig::default(), dialer)?;
        let met = dialled.established().await;
        met.map_err(|error| anyhow!("not connected: {error:?}"))?;
        self.dialled = Some(dialled);
        Ok(())
    }

    async fn find(
        &mut self,
        ids: Vec<String>,
        notes: u64,
        port: u16,
        within: u64,
    ) -> Result<Reply> {
        let started = clock::nanos();
        let limit = Duration::from_secs(within);
        let all = async {
            if port != 0 {
                self.dial(port).await?;
            }
            let repo = self.repo().await;
            let finds = ids.iter().map(|id| {
                let repo = repo.clone();
                async move {
                    let parsed = id.parse().map_err(|_| anyhow!("not an id: {id}"))?;
                    let handle = repo.find(parsed).await?.context("not found")?;
                    let mut changes = Box::pin(handle.changes());
                    while handle.with_document(|doc| count(doc)) < notes {
                        changes.next().await.context("the document is gone")?;
                    }
                    anyhow::Ok((id.clone(), handle))
                }
            });
            join_all(finds)
                .await
                .into_iter()
                .collect::<Result<Vec<_>>>()
        };
        let found = tokio::time::timeout(limit, all)
            .await
            .map_err(|_| anyhow!(Late(limit)))??;
        let reply = done(started);
        self.docs.extend(found);
        Ok(reply)
    }
}

/// A document with notes, one change each, as they come into being.
fn filled(first: u64, notes: u64, bytes: usize, text: bool) -> Result<Automerge> {
    let mut doc = Automerge::new();
    {
        let mut tx = doc.transaction();
        tx.put_object(ROOT, NOTES, ObjType::Map)?;
        tx.commit();
    }
    for number in first..first + notes {
        put_note(&mut doc, number, &corpus::text(number, bytes), text)?;
    }
    Ok(doc)
}

fn put_note(doc: &mut Automerge, number: u64, note: &corpus::Text, text: bool) -> Result<()> {
    let (_, notes) = doc.get(ROOT, NOTES)?.context("no notes")?;
    let mut tx = doc.transaction();
    let at = tx.put_object(&notes, number.to_string(), ObjType::Map)?;
    tx.put(&at, "title", note.title.as_str())?;
    tx.put(&at, "source", note.source.as_str())?;
    tx.put(&at, "kind", "chat")?;
    tx.put(&at, "at", 1_900_000_000_000_i64)?;
    let tags = tx.put_object(&at, "tags", ObjType::List)?;
    for (index, tag) in note.tags.iter().enumerate() {
        tx.insert(&tags, index, tag.as_str())?;
    }
    if text {
        let body = tx.put_object(&at, "body", ObjType::Text)?;
        tx.splice_text(&body, 0, 0, &note.body)?;
    } else {
        tx.put(&at, "body", note.body.as_str())?;
    }
    tx.commit();
    Ok(())
}

fn edit(doc: &mut Automerge, number: u64, before: &str, word: &str, text: bool) -> Result<()> {
    let (_, notes) = doc.get(ROOT, NOTES)?.context("no notes")?;
    let (_, at) = doc.get(&notes, number.to_string())?.context("no note")?;
    let mut tx = doc.transaction();
    if text {
        let (_, body) = tx.get(&at, "body")?.context("no body")?;
        let end = tx.length(&body);
        tx.splice_text(&body, end, 0, &format!(" {word}"))?;
    } else {
        tx.put(&at, "body", format!("{before} {word}"))?;
    }
    tx.commit();
    Ok(())
}

fn body(doc: &Automerge, number: u64) -> Option<String> {
    let (_, notes) = doc.get(ROOT, NOTES).ok()??;
    let (_, at) = doc.get(&notes, number.to_string()).ok()??;
    let (value, id) = doc.get(&at, "body").ok()??;
    match value.as_str() {
        Some(text) => Some(text.to_owned()),
        None => doc.text(&id).ok(),
    }
}

fn count(doc: &Automerge) -> u64 {
    match doc.get(ROOT, NOTES) {
        Ok(Some((_, notes))) => doc.length(&notes) as u64,
        _ => 0,
    }
}

const NOTES: &str = "notes";

fn done(started: u64) -> Reply {
    Reply {
        started,
        ended: clock::nanos(),
        ..Reply::default()
    }
}

/// Bytes of a connection, both directions, and when the last one went.
#[derive(Debug, Default)]
struct Meter {
    bytes: AtomicU64,
    last: AtomicU64,
}

impl Meter {
    fn add(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
            self.last.store(clock::nanos(), Ordering::Release);
        }
    }
}

/// A stream that counts.
struct Counted {
    io: TcpStream,
    meter: Arc<Meter>,
}

impl Counted {
    fn new(io: TcpStream, meter: Arc<Meter>) -> Counted {
        let _ = io.set_nodelay(true); // small messages at once, as QUIC does; without it samod is slower
        Counted { io, meter }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(task, buffer);
        self.meter.add(buffer.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(task, bytes);
        if let Poll::Ready(Ok(written)) = &polled {
            self.meter.add(*written);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(task)
    }
}

/// Dials over TCP with a meter.
struct CountingDialer {
    port: u16,
    meter: Arc<Meter>,
}

impl Dialer for CountingDialer {
    type Error = Infallible;

    fn url(&self) -> url::Url {
        let url = format!("tcp://127.0.0.1:{}", self.port).parse();
        url.expect("an address and a port make a URL")
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<Infallible>>> {
        let (port, meter) = (self.port, self.meter.clone());
        async move {
            let io = TcpStream::connect(("127.0.0.1", port))
                .await
                .map_err(DialError::transient)?;
            Ok(Transport::from_tokio_io(Counted::new(io, meter)))
        }
        .boxed()
    }
}
