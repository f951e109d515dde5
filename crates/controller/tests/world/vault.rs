//! Vaults with AWS behind them, and the operator's way to them.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use leasehold_controller::sessions::Connect;
use leasehold_sandbox::face::InProcess;
use leasehold_sandbox::faults::{FaultPlan, Rule};
use leasehold_sandbox::{Config, Sandbox};
use leasehold_vault_client::{Carrier, Connection, HttpVault, VaultError, login::Login};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::plan;

/// The login Secret's token: never seen anywhere else.
pub(crate) const LOGIN_TOKEN: &str = "the-login-token";
/// More than any test asks.
const AUDITED: usize = 100_000;
const POLICIES: [(&str, &str); 2] = [
    (
        "leasehold",
        include_str!("../../../../deploy/vault/leasehold.hcl"),
    ),
    (
        "leasehold-keeper",
        include_str!("../../../../deploy/vault/leasehold-keeper.hcl"),
    ),
];

#[derive(Clone)]
pub(crate) struct Vault {
    sandbox: Arc<Sandbox>,
    /// Of the root token: what tests ask.
    root: String,
    way: Way,
    /// Other Vaults, by address.
    elsewhere: Arc<Mutex<BTreeMap<String, Way>>>,
}

impl Vault {
    pub(super) fn new(sandbox: Arc<Sandbox>) -> Self {
        let mut vault = Self {
            way: Way::to(&sandbox),
            sandbox,
            root: String::new(),
            elsewhere: Arc::default(),
        };
        for (name, policy) in POLICIES {
            let path = format!("sys/policies/acl/{name}");
            vault.tell(&path, &json!({ "policy": policy }));
        }
        vault.open_login(LOGIN_TOKEN);
        let this = vault.read("auth/token/lookup-self").unwrap();
        let accessor = this["accessor"].as_str().unwrap();
        accessor.clone_into(&mut vault.root);
        vault.forget_calls();
        vault
    }

    /// A token with the operator's policies and no others.
    pub(crate) fn open_login(&self, token: &str) {
        let policies = POLICIES.map(|(name, _)| name);
        let login = json!({ "id": token, "policies": policies, "period": "1h" });
        self.tell("auth/token/create-orphan", &login);
    }

    /// Another Vault, at that address, with the same login.
    pub(crate) async fn other(&self, address: &str) -> Self {
        let mut config = Config {
            clock: self.sandbox.clock().clone(),
            ..Config::default()
        };
        // Another cluster id.
        config.vault.seed = 1;
        let other = Self::new(Arc::new(Sandbox::start(config).await.unwrap()));
        let mut elsewhere = self.elsewhere.lock().unwrap();
        elsewhere.insert(address.into(), other.way.clone());
        other
    }

    /// What shall go wrong from now on, in place of what did.
    pub(crate) fn fault(&self, rule: Rule) {
        self.sandbox
            .with_vault(|vault| vault.set_faults(plan(rule)));
    }

    /// From now on who calls a path that ends so meets a bug on the way.
    pub(crate) fn panic_at(&self, path: &str) {
        *self.way.panics.lock().unwrap() = Some(path.to_owned());
    }

    pub(crate) fn mend(&self) {
        *self.way.panics.lock().unwrap() = None;
        let nothing = FaultPlan::default();
        self.sandbox.with_vault(|vault| vault.set_faults(nothing));
    }

    /// How many calls the fault happened to.
    pub(crate) fn met(&self) -> u64 {
        self.sandbox.with_vault(|vault| vault.faults_met()[0])
    }

    /// What others than root asked for, as `operation path`; `sys/health` is not among it.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.sandbox.with_vault(|vault| {
            let calls = vault.audited().filter(|call| call.accessor != self.root);
            calls
                .map(|call| format!("{} {}", call.operation, call.path))
                .collect()
        })
    }

    pub(crate) fn forget_calls(&self) {
        self.sandbox.with_vault(|vault| {
            vault.set_audit(0);
            vault.set_audit(AUDITED);
        });
    }

    /// How many logins there were since calls were forgotten.
    pub(crate) fn logins(&self) -> usize {
        let calls = self.calls();
        let is_login = |call: &&String| *call == "read auth/token/lookup-self";
        calls.iter().filter(is_login).count()
    }

    /// Everything Vault ever answered the operator.
    pub(crate) fn answers(&self) -> Vec<String> {
        self.way.answers.lock().unwrap().clone()
    }

    /// How many keys AWS ever made.
    pub(crate) fn issued(&self) -> u64 {
        self.sandbox.with_aws(|aws| {
            let made = aws.counts().get("CreateAccessKey");
            made.map_or(0, |count| count.calls - count.errors)
        })
    }

    /// Ids of the AWS keys that work, but Vault's own.
    pub(crate) fn live_keys(&self) -> Vec<String> {
        let (root, _) = self.sandbox.aws_root();
        let state = self.sandbox.with_aws(|aws| aws.state());
        let users = state["users"].as_object().unwrap().values();
        let keys = users.flat_map(|user| user["keys"].as_array().unwrap());
        let ids = keys.map(|key| key["id"].as_str().unwrap().to_owned());
        ids.filter(|id| id != root).collect()
    }

    pub(crate) fn live_keepers(&self) -> usize {
        let path = "auth/token/accessors";
        let accessors = self.ask("LIST", path, None).unwrap();
        let accessors = accessors["keys"].as_array().unwrap().iter();
        let policies = accessors.filter_map(|accessor| {
            let path = "auth/token/lookup-accessor";
            let token = self.ask("POST", path, Some(&json!({ "accessor": accessor })));
            Some(token?["policies"].clone())
        });
        policies
            .filter(|policies| *policies == json!(["leasehold-keeper"]))
            .count()
    }

    /// Names of Vault's roles at that mount.
    pub(crate) fn roles(&self, mount: &str) -> Value {
        let roles = self.ask("LIST", &format!("{mount}/roles"), None);
        roles.unwrap_or_default()["keys"].take()
    }

    pub(crate) fn has_mount(&self, mount: &str) -> bool {
        let mounts = self.read("sys/mounts").unwrap();
        mounts.get(format!("{mount}/")).is_some()
    }

    /// Somebody ends a lease behind the operator's back.
    pub(crate) fn revoke(&self, lease: &str) {
        self.tell("sys/leases/revoke", &json!({ "lease_id": lease }));
    }

    /// Id and secret half of the key that Vault works with.
    pub(crate) fn aws_root(&self) -> (String, String) {
        let (id, half) = self.sandbox.aws_root();
        (id.to_owned(), half.to_owned())
    }

    /// AWS lets Vault's user do all but this, or all.
    pub(crate) fn deny_in_aws(&self, action: Option<&str>) {
        let mut statements = vec![json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })];
        let deny = |action| json!({ "Effect": "Deny", "Action": action, "Resource": "*" });
        statements.extend(action.map(deny));
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.sandbox
            .with_aws(|aws| aws.set_root_policy(&policy))
            .unwrap();
    }

    fn tell(&self, path: &str, body: &Value) {
        self.ask("POST", path, Some(body));
    }

    fn read(&self, path: &str) -> Option<Value> {
        self.ask("GET", path, None)
    }

    /// As root; `None` is what is not there, all else must succeed.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let (status, mut answer) = self.sandbox.ask_vault(method, &format!("/v1/{path}"), body);
        let is_absent = status == 404 || answer["errors"][0] == "invalid accessor";
        assert!(status < 300 || is_absent, "{path}: {status} {answer}");
        (status < 300).then(|| answer["data"].take())
    }
}

impl Connect for Vault {
    fn connect(
        &self,
        connection: Connection,
        login: Arc<dyn Login>,
    ) -> Result<Arc<dyn leasehold_vault_client::Vault>, VaultError> {
        let elsewhere = self.elsewhere.lock().unwrap();
        let way = elsewhere.get(&connection.address).unwrap_or(&self.way);
        let vault = HttpVault::over(&connection, login, Arc::new(way.clone()))?;
        Ok(Arc::new(vault))
    }
}

/// The way to one Vault.
#[derive(Clone)]
struct Way {
    vault: InProcess,
    panics: Arc<Mutex<Option<String>>>,
    answers: Arc<Mutex<Vec<String>>>,
}

impl Way {
    fn to(sandbox: &Sandbox) -> Self {
        Self {
            vault: sandbox.vault_in_process(),
            panics: Arc::default(),
            answers: Arc::default(),
        }
    }
}

#[async_trait]
impl Carrier for Way {
    async fn carry(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        let trap = self.panics.lock().unwrap().clone();
        let met = trap.is_some_and(|path| request.uri().path().ends_with(&path));
        assert!(!met, "as told");
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let (head, body) = self.vault.clone().oneshot(request).await?.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        let text = String::from_utf8_lossy(&body).into_owned();
        self.answers.lock().unwrap().push(text);
        Ok(Response::from_parts(head, body))
    }
}
