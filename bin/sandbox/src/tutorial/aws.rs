//! AWS, asked by whoever holds a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leasehold_sandbox::Sandbox;
use leasehold_sandbox::aws::{Request, sign};
use serde_json::{Value, json};

const REGION: &str = "us-east-1";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const IDENTITY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// A key of AWS, as it stands in a Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// `AKIA…` of a user, `ASIA…` of a session.
    pub id: String,
    secret: String,
    token: Option<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What AWS refuses with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// AWS's word for it.
    pub code: String,
    /// AWS's explanation.
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Key {
    /// The key that may do everything.
    pub fn root(sandbox: &Sandbox) -> Self {
        let (id, secret) = sandbox.aws_root();
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            token: None,
        }
    }

    /// The key in a Secret, if there is a whole one.
    pub fn in_secret(secret: &Value) -> Option<Self> {
        let field = |name: &str| {
            let bytes = STANDARD.decode(secret["data"][name].as_str()?).ok()?;
            String::from_utf8(bytes)
                .ok()
                .filter(|text| !text.is_empty())
        };
        Some(Self {
            id: field("access_key")?,
            secret: field("secret_key")?,
            token: field("security_token"),
        })
    }

    /// The credentials in an answer of STS or IAM.
    pub fn in_xml(xml: &str) -> Option<Self> {
        Some(Self {
            id: element(xml, "AccessKeyId")?.to_owned(),
            secret: element(xml, "SecretAccessKey")?.to_owned(),
            token: element(xml, "SessionToken").map(ToOwned::to_owned),
        })
    }

    /// A session: it ends by itself and cannot be revoked.
    pub fn is_session(&self) -> bool {
        self.token.is_some()
    }

    /// The last letters of the id: enough to tell keys apart, too little to be one.
    pub fn tail(&self) -> String {
        let from = self.id.len().saturating_sub(4);
        format!("…{}", self.id.get(from..).unwrap_or_default())
    }

    /// Whether a text has the half of the key that nobody may see.
    pub fn is_told_in(&self, text: &str) -> bool {
        text.contains(&self.secret)
            || self
                .token
                .as_ref()
                .is_some_and(|token| text.contains(token))
    }

    /// Calls an action of `iam`, `sts` or `ec2`; gives the answer's XML.
    pub fn call(
        &self,
        sandbox: &Sandbox,
        service: &str,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, Refusal> {
        let version = match service {
            "iam" => "2010-05-08",
            "sts" => "2011-06-15",
            _ => "2016-11-15",
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action);
        form.append_pair("Version", version);
        form.extend_pairs(params);
        let request = self.signed(sandbox, service, "localhost", form.finish());
        let answer = sandbox.with_aws(|aws| aws.handle(&request, sandbox.clock().now()));
        if answer.status < 300 {
            return Ok(answer.body);
        }
        let text = |tag| element(&answer.body, tag).unwrap_or_default().to_owned();
        Err(Refusal {
            code: text("Code"),
            message: text("Message"),
        })
    }

    /// Whom the key belongs to, as long as it lives.
    pub fn caller(&self, sandbox: &Sandbox) -> Result<String, Refusal> {
        let xml = self.call(sandbox, "sts", "GetCallerIdentity", &[])?;
        Ok(element(&xml, "Arn").unwrap_or_default().to_owned())
    }

    /// What `vault login -method=aws` sends: a signed question to STS who one is, for Vault to ask.
    pub fn login(&self, sandbox: &Sandbox, role: &str) -> Value {
        let request = self.signed(sandbox, "sts", "sts.amazonaws.com", IDENTITY.to_owned());
        let headers: serde_json::Map<_, _> = request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), json!([value])))
            .collect();
        json!({
            "role": role,
            "iam_http_request_method": "POST",
            "iam_request_url": STANDARD.encode("https://sts.amazonaws.com/"),
            "iam_request_body": STANDARD.encode(IDENTITY),
            "iam_request_headers": STANDARD.encode(Value::Object(headers).to_string()),
        })
    }

    fn signed(&self, sandbox: &Sandbox, service: &str, host: &str, body: String) -> Request {
        let mut request = post(host, body);
        let scope = (REGION, service);
        let now = sandbox.clock().now();
        let token = self.token.as_deref();
        sign(&mut request, &self.id, &self.secret, token, scope, now);
        request
    }
}

/// A call as nobody: what a pod does with its ServiceAccount's token.
pub fn web_identity(sandbox: &Sandbox, role: &str, token: &str) -> Option<Key> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", "pod"),
        ("WebIdentityToken", token),
    ]);
    let request = post("localhost", form.finish());
    let answer = sandbox.with_aws(|aws| aws.handle(&request, sandbox.clock().now()));
    Key::in_xml(&answer.body)
}

fn post(host: &str, form: String) -> Request {
    Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: vec![
            ("Host".to_owned(), host.to_owned()),
            ("Content-Type".to_owned(), FORM.to_owned()),
        ],
        body: form.into_bytes(),
    }
}

/// The text of the first element of a name.
pub fn element<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (text, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(text)
}
