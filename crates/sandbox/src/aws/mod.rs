//! IAM and STS of AWS, and a corner of EC2: a stand-in that real clients, Vault
//! among them, take for the real one.
//!
//! [`Aws`] is the whole of it: a state machine that is given a [`Request`] and
//! the time and gives a [`Response`]. The crate's `face` puts it on a port. It checks
//! signatures, evaluates policies and refuses in AWS's words; the crate's
//! introduction says where it differs.

mod account;
mod actions;
mod admin;
mod caller;
mod ec2;
mod errors;
mod faults;
mod grammar;
mod iam;
mod managed;
mod policy;
mod request;
#[cfg(feature = "http")]
mod served;
mod service;
mod signature;
mod sts;
mod xml;

use std::collections::BTreeMap;

use jiff::Timestamp;

use account::{AccessKey, Account, Policies, User};
use actions::{Action, Call, On};
use caller::Caller;
use errors::Error;
use policy::{Document, Grammar};
use request::Params;
use service::Service;
use signature::Signed;
use xml::Xml;

pub use crate::faults::Cut;
pub use crate::wire::{Request, Response};
pub use faults::{Fault, FaultPlan, Rule};
pub use signature::sign;
pub use sts::{TokenCheck, WebIdentity};

/// What an account starts with.
pub struct Config {
    /// The account's number.
    pub account_id: String,
    /// The IAM user whose key Vault is configured with.
    pub root_user: String,
    /// The id of that user's key.
    pub root_key: String,
    /// The secret of that user's key.
    pub root_secret: String,
    /// What that user may do: a policy document. See [`Aws::set_root_policy`].
    pub root_policy: String,
    /// How many IAM users there may be.
    pub max_users: usize,
    /// Which web identity tokens are believed.
    pub token_check: TokenCheck,
    /// What ids and secrets are made from: the same seed makes the same ones.
    pub seed: u64,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the secret.
        f.debug_struct("Config")
            .field("account_id", &self.account_id)
            .field("root_user", &self.root_user)
            .finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account_id: "123456789012".to_owned(),
            root_user: "vault-root".to_owned(),
            root_key: "AKIASTANDINROOT00000".to_owned(),
            root_secret: "stand-in/root/secret/of/forty/characters".to_owned(),
            root_policy: managed::document(&["*"]),
            max_users: 5000,
            token_check: TokenCheck::default(),
            seed: 0,
        }
    }
}

/// How often an action was called, and how often it was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// All calls.
    pub calls: u64,
    /// Those that AWS said no to.
    pub errors: u64,
}

/// One AWS account with its services.
#[derive(Debug)]
pub struct Aws {
    account: Account,
    faults: faults::Faults,
    counts: BTreeMap<&'static str, Count>,
    token_check: TokenCheck,
    root_user: String,
}

/// The name of the one policy of the root user.
const ROOT_POLICY: &str = "root";

impl Aws {
    /// An account with one user, who has one key. An error if the policy is no
    /// policy.
    pub fn new(config: Config, now: Timestamp) -> Result<Self, String> {
        let mut account = Account::new(config.account_id, config.seed, config.max_users);
        let user = User {
            name: config.root_user.clone(),
            path: "/".to_owned(),
            id: account.ids.entity("AIDA"),
            created: now,
            boundary: None,
            tags: BTreeMap::new(),
            keys: vec![config.root_key.clone()],
            groups: std::collections::BTreeSet::new(),
            own: Policies::default(),
        };
        account.users.insert(user.name.to_lowercase(), user);
        let key = AccessKey {
            secret: config.root_secret,
            user: config.root_user.clone(),
            // No fault takes it for a new one.
            created: Timestamp::UNIX_EPOCH,
            is_active: true,
        };
        account.keys.insert(config.root_key, key);
        let mut aws = Self {
            account,
            faults: faults::Faults::default(),
            counts: BTreeMap::new(),
            token_check: config.token_check,
            root_user: config.root_user,
        };
        aws.set_root_policy(&config.root_policy)?;
        Ok(aws)
    }

    /// Says anew what the root user may do, whatever they may do now.
    pub fn set_root_policy(&mut self, document: &str) -> Result<(), String> {
        let document =
            Document::parse(document, Grammar::Identity).map_err(|error| error.message)?;
        let user = self
            .account
            .user_mut(&self.root_user)
            .map_err(|error| error.message)?;
        user.own.inline.insert(ROOT_POLICY.to_owned(), document);
        Ok(())
    }

    /// Says anew what shall go wrong.
    pub fn set_faults(&mut self, plan: FaultPlan) {
        self.faults = faults::Faults::new(plan);
    }

    /// Answers a request, with the errors of the fault plan but without its
    /// delays and cuts.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        let fault = self.fault(request, now);
        self.answer(request, now, &fault)
    }

    /// Takes from the plan what shall happen to a request; it counts as having
    /// happened. Follow it with [`Self::answer`].
    pub fn fault(&mut self, request: &Request, now: Timestamp) -> Fault {
        if self.faults.is_empty() {
            return Fault::default();
        }
        let params = Params::of(request);
        let action = params.get("Action").unwrap_or_default();
        self.faults.take(action, &params, now)
    }

    /// Answers a request to which a fault happens.
    pub fn answer(&mut self, request: &Request, now: Timestamp, fault: &Fault) -> Response {
        let params = Params::of(request);
        let name = params.get("Action").unwrap_or_default();
        let action = actions::find(name);
        let id = self.account.ids.request();
        let signed = Signed::of(request);

        // Told by the signature: clients and AWS agree on that much.
        let scope = signed.as_ref().ok().and_then(Option::as_ref);
        let service = scope
            .and_then(|signed| Service::of_scope(&signed.service))
            .or_else(|| action.map(|action| action.service))
            .unwrap_or(Service::Iam);
        let result = signed.and_then(|signed| {
            // What was signed for one service is no call of another.
            let is_for = |action: &&Action| {
                let name = signed.as_ref().map(|signed| signed.service.as_str());
                action.on == On::Unsigned || name.is_none_or(|name| name == action.service.name())
            };
            let action = action.filter(is_for);
            self.perform(request, &params, action, signed.as_ref(), now, fault)
        });

        let count = action.map_or("", |action| action.name);
        let count = self.counts.entry(count).or_default();
        count.calls += 1;
        count.errors += u64::from(result.is_err());
        let (status, body) = match result {
            Ok(result) => (200, xml::success(service, name, result, &id)),
            Err(error) => {
                let error = service.in_its_words(error);
                (error.status, xml::failure(service, &error, &id))
            }
        };
        Response::new(status, "text/xml", body)
    }

    fn perform(
        &mut self,
        request: &Request,
        params: &Params,
        action: Option<&Action>,
        signed: Option<&Signed>,
        now: Timestamp,
        fault: &Fault,
    ) -> Result<Option<Xml>, Error> {
        let is_unsigned = action.is_some_and(|action| action.on == On::Unsigned);
        let caller = match signed {
            Some(signed) if !is_unsigned => {
                let refuse = self.faults.new_keys_refused_for();
                Caller::of(&self.account, request, signed, now, refuse)?
            }
            _ if is_unsigned => Caller::nobody(),
            _ => {
                let message = "Request is missing Authentication Token";
                return Err(Error::new(403, "MissingAuthenticationToken", message));
            }
        };
        let Some(action) = action else {
            return Err(unknown(params, signed));
        };
        if fault.is_throttled {
            return Err(Error::named("Throttling"));
        }
        let resource = action.on.resource(&self.account, params, &caller);
        if let Some((code, status, message)) = &fault.error {
            return Err(told(
                action,
                &caller,
                &resource,
                code,
                *status,
                message.as_deref(),
            ));
        }
        if !matches!(action.on, On::Free | On::Unsigned) {
            caller.may(&self.account, action.service, action.name, &resource)?;
        }
        let call = Call {
            params,
            caller: &caller,
            token_check: &self.token_check,
            now,
        };
        (action.run)(&mut self.account, &call)
    }
}

/// An action that there is not, or not of the service that was signed for.
fn unknown(params: &Params, signed: Option<&Signed>) -> Error {
    let service = signed.and_then(|signed| Service::of_scope(&signed.service));
    if service.is_none()
        && let Some(signed) = signed
    {
        return Error::signature_because(format!(
            "Credential should be scoped to correct service: 'iam', not '{}'.",
            signed.service
        ));
    }
    let Some(name) = params.get("Action") else {
        return Error::new(400, "MissingAction", "Missing Action");
    };
    let version = params
        .get("Version")
        .or_else(|| service.map(Service::version))
        .unwrap_or_default();
    Error::new(
        400,
        "InvalidAction",
        format!("Could not find operation {name} for version {version}"),
    )
}

/// The error a fault asks for.
fn told(
    action: &Action,
    caller: &Caller,
    resource: &str,
    code: &str,
    status: Option<u16>,
    message: Option<&str>,
) -> Error {
    let mut error = if code == "AccessDenied" {
        let full_name = format!("{}:{}", action.service.name(), action.name);
        caller::denied(caller, &full_name, resource)
    } else {
        Error::named(code)
    };
    if let Some(status) = status {
        error.status = status;
    }
    if let Some(message) = message {
        message.clone_into(&mut error.message);
    }
    error
}

#[cfg(test)]
mod tests;
