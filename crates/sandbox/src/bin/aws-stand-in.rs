//! AWS's IAM and STS on a port, for tests and benches. Not for production.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use leasehold_sandbox::aws::{Aws, Config, FaultPlan, Rule};
use leasehold_sandbox::clock::Clock;
use leasehold_sandbox::face::{Server, Settings, Shared};

const USAGE: &str = "\
AWS's IAM, STS and a corner of EC2 on one port, in memory, for tests. Not for production.
The first line on standard output is its URL.

Usage: aws-stand-in [--listen ADDRESS] [--root-key ID] [--root-secret SECRET]
                    [--max-users NUMBER] [--delay MILLISECONDS]

  --listen       Where to listen [127.0.0.1:0]; beyond loopback anybody may use it
  --root-key     Id of the first user's key [AKIASTANDINROOT00000, or AWS_ACCESS_KEY_ID]
  --root-secret  Its secret [a constant, or AWS_SECRET_ACCESS_KEY]
  --max-users    How many IAM users there may be [5000]
  --delay        How long every call takes at least [0]

While it runs: GET /_stand_in/state, POST /_stand_in/faults, /_stand_in/clock and
/_stand_in/root-policy, from this machine only.
";

fn main() -> ExitCode {
    let mut stdout = std::io::stdout();
    let (listen, config, faults) = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = stdout.write_all(USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&format!("{error}\n\n{USAGE}")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    match runtime.block_on(run(listen, config, faults)) {
        Ok(never) => match never {},
        Err(error) => fail(&error),
    }
}

async fn run(
    listen: SocketAddr,
    config: Config,
    faults: FaultPlan,
) -> Result<std::convert::Infallible, String> {
    let clock = Clock::default();
    let mut aws = Aws::new(config, clock.now())?;
    aws.set_faults(faults);
    let server = Server::bind(Shared::new(aws, clock), listen, Settings::default())
        .await
        .map_err(|error| format!("{listen}: {error}"))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "http://{}", server.address())
        .and_then(|()| stdout.flush())
        .map_err(|error| error.to_string())?;
    std::future::pending().await
}

type Options = (SocketAddr, Config, FaultPlan);

fn options(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut faults = FaultPlan::default();
    let mut config = Config {
        // Another life hands out other keys.
        seed: Clock::default().now().as_millisecond().unsigned_abs(),
        ..Config::default()
    };
    let from_env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(key) = from_env("AWS_ACCESS_KEY_ID") {
        config.root_key = key;
    }
    if let Some(secret) = from_env("AWS_SECRET_ACCESS_KEY") {
        config.root_secret = secret;
    }
    while let Some(arg) = args.next() {
        if ["-h", "--help"].contains(&arg.as_str()) {
            return Ok(None);
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (arg, args.next()),
        };
        let value = value.ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = |what: &str| format!("{name}: {value} is no {what}");
        match name.as_str() {
            "--listen" => listen = value.parse().map_err(|_| wrong("ADDRESS:PORT"))?,
            "--root-key" => config.root_key = value,
            "--root-secret" => config.root_secret = value,
            "--max-users" => config.max_users = value.parse().map_err(|_| wrong("number"))?,
            "--delay" => faults.rules.push(Rule {
                action: "*".to_owned(),
                delay_ms: value.parse().map_err(|_| wrong("number"))?,
                ..Rule::default()
            }),
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(Some((listen, config, faults)))
}

fn fail(error: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "aws-stand-in: {error}");
    ExitCode::FAILURE
}
