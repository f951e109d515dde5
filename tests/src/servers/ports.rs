//! Free loopback ports, without tests that run side by side taking them from
//! each other.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

/// How often a server is started anew when its ports turn out to be taken.
const TRIES: usize = 5;

/// A loopback port that no other test, of this process or another, is given
/// while this value lives. A server that restarts keeps its port that way.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// A locked file. The kernel unlocks it even if the test is killed.
    _lock: File,
}

impl Port {
    /// Reserves a free port.
    pub fn reserve() -> Result<Self> {
        let dir = std::env::temp_dir().join(format!(
            "leasehold-ports-{}",
            rustix::process::getuid().as_raw()
        ));
        std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        for _ in 0..100 {
            // The listener is held until the lock is, so that no two tests
            // fall for the same port in between.
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a port")?;
            let number = listener.local_addr().context("read the port")?.port();
            let path = dir.join(number.to_string());
            let lock = File::create(&path).with_context(|| format!("make {}", path.display()))?;
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        number,
                        _lock: lock,
                    });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("lock {}", path.display()));
                }
            }
        }
        bail!("no free loopback port")
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.number)
    }

    /// The number alone.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Counts the starts of a server, which is started anew on other ports if a
/// program outside the tests was faster to take the first ones.
#[derive(Debug, Default)]
pub(crate) struct Tries(usize);

impl Tries {
    /// Whether a start that failed with `error` is worth another try.
    pub(crate) fn again(&mut self, error: &anyhow::Error) -> bool {
        self.0 += 1;
        // A server that fails to start is reported with the end of its log.
        let error = format!("{error:#}").to_lowercase();
        self.0 < TRIES && error.contains("address already in use")
    }
}
