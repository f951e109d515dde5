//! The servers, what is in them from the start, and the operator.

use std::net::SocketAddr;

use anyhow::Context as _;
use jiff::SignedDuration;
use leasehold_sandbox::{Config, Sandbox};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::args::Args;
use crate::operator::Work;
use crate::prepare;

/// All of it, at work.
#[derive(Debug)]
pub struct Running {
    /// The servers.
    pub sandbox: Sandbox,
    operator: Option<Work>,
}

impl Running {
    /// Starts the servers and fills them, then the operator, and waits until it works.
    pub async fn start(args: &Args) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(config(args)?).await?;
        prepare::all(&sandbox)?;
        sandbox.clock().set_rate(args.speed);
        let operator = if args.no_operator {
            None
        } else {
            Some(Work::start(&sandbox).await?)
        };
        Ok(Self { sandbox, operator })
    }

    /// Ends the operator, and starts another one over what is there.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if let Some(operator) = self.operator.take() {
            operator.stop().await;
        }
        self.operator = Some(Work::start(&self.sandbox).await?);
        Ok(())
    }

    /// Ends the operator, then the servers.
    pub async fn stop(self) {
        if let Some(operator) = self.operator {
            operator.stop().await;
        }
        self.sandbox.stop().await;
    }
}

fn config(args: &Args) -> anyhow::Result<Config> {
    let mut config = Config {
        kube_address: SocketAddr::new(args.listen, args.kube_port),
        vault_address: SocketAddr::new(args.listen, args.vault_port),
        aws_address: SocketAddr::new(args.listen, args.aws_port),
        // kubectl sends a token, and the others on this machine may listen.
        kube_tls: true,
        ..Config::default()
    };
    config.vault.root_token = format!("hvs.{}", random(24)?);
    config.aws.root_secret = random(40)?;
    // Another life hands out other keys.
    config.aws.seed = config.clock.now().as_millisecond().unsigned_abs();
    config.vault.seed = config.aws.seed;
    config.kube.seed = config.aws.seed;
    Ok(config)
}

/// What nobody guesses: letters and digits.
fn random(length: usize) -> anyhow::Result<String> {
    let mut bytes = vec![0; length];
    let made = SystemRandom::new().fill(&mut bytes);
    made.ok().context("the system gives no random numbers")?;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = |byte: &u8| char::from(letters[usize::from(*byte) % letters.len()]);
    Ok(bytes.iter().map(letter).collect())
}

/// Long enough for every clock, however fast.
pub(crate) const YEARS: SignedDuration = SignedDuration::from_hours(20 * 365 * 24);
