//! A port, its connections, and their end.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::exchange::Line;
use super::{InProcess, Served, Shared};

/// What a server takes from a client, beside what its machine says.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest head of a request, all headers together.
    pub head_bytes: usize,
    /// How long a connection may stay between two requests, and a head may take. As long as
    /// clients keep idle connections, so that none of them is closed under a request.
    pub head_patience: Duration,
    /// How long a request's body may take.
    pub body_patience: Duration,
}

impl Default for Limits {
    /// About what Go's servers have.
    fn default() -> Self {
        Self {
            head_bytes: 1 << 20,
            head_patience: Duration::from_secs(120),
            body_patience: Duration::from_secs(30),
        }
    }
}

/// How a machine is served.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What it takes.
    pub limits: Limits,
    /// Whether it speaks TLS, and as whom.
    #[cfg(feature = "tls")]
    pub identity: Option<super::Identity>,
}

impl From<Limits> for Settings {
    fn from(limits: Limits) -> Self {
        Self {
            limits,
            #[cfg(feature = "tls")]
            identity: None,
        }
    }
}

/// How long connections may take to end once the server is told to.
const GRACE: Duration = Duration::from_secs(1);

/// A machine on a port. Dropping it ends it: no connection is taken any more, watches end,
/// and requests under way get a second to.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Server {
    /// Listens at an address; port 0 takes a free one.
    pub async fn bind<S: Served>(
        shared: Shared<S>,
        address: SocketAddr,
        settings: Settings,
    ) -> std::io::Result<Self> {
        Self::start(shared, TcpListener::bind(address).await?, settings)
    }

    /// Serves what comes to a listener.
    pub fn start<S: Served>(
        shared: Shared<S>,
        listener: TcpListener,
        settings: Settings,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let port = Port {
            shared,
            settings,
            stop: stopped,
        };
        Ok(Self {
            address,
            stop,
            running: tokio::spawn(port.serve(listener)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A way to it without its port.
    pub fn in_process<S: Served>(&self, shared: &Shared<S>) -> InProcess {
        InProcess::new(Line {
            shared: shared.clone(),
            peer: self.address,
            limits: Limits::default(),
            stop: self.stop.subscribe(),
        })
    }

    /// Ends it, and waits until the port is free and all connections are closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // An error means that the runtime ended it before.
        let _ = (&mut self.running).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

struct Port<S: Served> {
    shared: Shared<S>,
    settings: Settings,
    stop: watch::Receiver<bool>,
}

impl<S: Served> Port<S> {
    async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let shared = self.shared.clone();
        // A task of its own, so that the machine's work does not keep clients waiting to connect.
        let driver = tokio::spawn(async move { shared.drive().await });
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(self.connection(stream, peer));
                    }
                    // Out of file descriptors: some will be given back.
                    Err(_) => sleep(Duration::from_millis(10)).await,
                },
                // One that has ended: none is kept for longer than it lives.
                Some(_) = connections.join_next() => {}
                () = told(&mut stop) => break,
            }
        }
        drop(listener);
        driver.abort();
        let all = async { while connections.join_next().await.is_some() {} };
        // Whoever is left is aborted with the set.
        let _ = timeout(GRACE, all).await;
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        let line = Line {
            shared: self.shared.clone(),
            peer,
            limits: self.settings.limits,
            stop: self.stop.clone(),
        };
        #[cfg(feature = "tls")]
        let identity = self.settings.identity.clone();
        async move {
            let _ = stream.set_nodelay(true);
            #[cfg(feature = "tls")]
            if let Some(identity) = identity {
                let mut stop = line.stop.clone();
                let accepted = timeout(line.limits.head_patience, identity.accept(stream));
                let accepted = tokio::select! {
                    accepted = accepted => accepted,
                    () = told(&mut stop) => return,
                };
                if let Ok(Some(stream)) = accepted {
                    talk(line, stream).await;
                }
                return;
            }
            talk(line, stream).await;
        }
    }
}

/// Waits until the server is told to stop, or gone.
pub(super) async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// All requests of a connection, one after the other.
async fn talk<S: Served>(line: Line<S>, stream: impl AsyncRead + AsyncWrite + Unpin + Send) {
    let mut stop = line.stop.clone();
    let service = service_fn(|request| line.exchange(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(line.limits.head_patience)
        .max_header_size(line.limits.head_bytes)
        .max_buf_size(line.limits.head_bytes.max(LEAST_BUFFER))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // It ends with an error whenever a client goes or a fault cuts.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = told(&mut stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// hyper wants at least this.
const LEAST_BUFFER: usize = 8192;
