//! STS: temporary credentials.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::account::{Account, Holder, Session};
use super::actions::{Action, Answer, Call, On};
use super::errors::Error;
use super::policy::{Ask, Document, Grammar, Policy, Trust};
use super::service::Service;
use super::xml::{Xml, seconds};

pub(super) const ACTIONS: &[Action] = &[
    Action::sts("GetCallerIdentity", On::Free, caller_identity),
    Action::sts("AssumeRole", On::Free, assume_role),
    Action::sts("GetFederationToken", On::FederatedUser, federation_token),
    Action::sts("GetSessionToken", On::Free, session_token),
    Action::sts("AssumeRoleWithWebIdentity", On::Unsigned, web_identity),
];

const MIN: i64 = 900;
const HOUR: i64 = 3600;
const MAX_OF_ROLE: i64 = 43_200;
const MAX_OF_USER: i64 = 129_600;

/// What a web identity token says, once it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// Who signed it, without `https://`.
    pub issuer: String,
    /// Whom it is of.
    pub subject: String,
    /// Whom it is for.
    pub audience: String,
}

/// Decides whether a web identity token is believed, at a time; gives AWS's
/// message if not.
pub struct TokenCheck(Box<Check>);

type Check = dyn Fn(&str, Timestamp) -> Result<WebIdentity, String> + Send + Sync;

impl TokenCheck {
    /// A check of one's own.
    pub fn new(
        check: impl Fn(&str, Timestamp) -> Result<WebIdentity, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(check))
    }

    /// This check, and then another one of what it believes.
    #[must_use]
    pub fn and(
        self,
        another: impl Fn(&str, &WebIdentity, Timestamp) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |token, now| {
            let identity = (self.0)(token, now)?;
            another(token, &identity, now)?;
            Ok(identity)
        })
    }
}

impl Default for TokenCheck {
    /// Believes any JWT that has not expired: its signature is not looked at.
    fn default() -> Self {
        Self::new(claims)
    }
}

impl std::fmt::Debug for TokenCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCheck").finish_non_exhaustive()
    }
}

fn claims(token: &str, now: Timestamp) -> Result<WebIdentity, String> {
    let claims: Value = token
        .split('.')
        .nth(1)
        .and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok())
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")?;
    let text = |name: &str| {
        let value = &claims[name];
        let value = value
            .as_array()
            .and_then(|list| list.first())
            .unwrap_or(value);
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("Missing a required claim: {name}"))
    };
    let expires = claims["exp"]
        .as_i64()
        .ok_or("Missing a required claim: exp")?;
    if expires <= now.as_second() {
        return Err(format!(
            "Token expired: current date/time {} must be before the expiration date/time {expires}",
            now.as_second()
        ));
    }
    Ok(WebIdentity {
        issuer: text("iss")?.trim_start_matches("https://").to_owned(),
        subject: text("sub")?,
        audience: text("aud")?,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "an action like any other")]
fn caller_identity(account: &mut Account, call: &Call<'_>) -> Answer {
    let xml = Xml::new()
        .text("Arn", &call.caller.arn)
        .text("UserId", &call.caller.user_id)
        .text("Account", &account.id);
    Ok(Some(xml))
}

/// The policies a session is limited to: a document, and managed ones by ARN.
fn session_policies(account: &Account, call: &Call<'_>) -> Result<Vec<Policy>, Error> {
    let mut policies = Vec::new();
    if let Some(text) = call.params.get("Policy") {
        if text.chars().count() > 2048 {
            let rule = "Member must have length less than or equal to 2048";
            return Err(Error::constraint("Policy", text, rule));
        }
        policies.push(Document::parse(text, Grammar::Identity)?.policy);
    }
    let arns = call.params.members_field("PolicyArns", "arn");
    if arns.len() > 10 {
        let message = "The number of managed policy ARNs exceeds the limit of 10.";
        return Err(Error::validation(message));
    }
    for arn in arns {
        let policy = account.policies.get(arn).ok_or_else(|| {
            // STS says it so, other than IAM.
            Error::validation(format!("Policy {arn} does not exist or is not attachable."))
        })?;
        policies.push(policy.document.policy.clone());
    }
    Ok(policies)
}

/// The role a call names, and how long its session is to live.
fn role_and_duration(account: &Account, call: &Call<'_>) -> Result<(String, i64), Error> {
    let arn = call.params.required("RoleArn")?;
    if !arn.starts_with("arn:") || arn.len() < 20 {
        return Err(Error::validation(format!("{arn} is invalid")));
    }
    let duration = call
        .params
        .number_within("DurationSeconds", MIN, MAX_OF_ROLE, HOUR)?;
    session_name(call)?;
    let name = arn.rsplit('/').next().unwrap_or_default();
    let role = account
        .role(name)
        .ok()
        .filter(|role| account.role_arn(role) == arn);
    let role = role.ok_or_else(|| not_assumable(call, arn))?;
    if duration > role.max_session_duration {
        return Err(Error::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok((role.name.clone(), duration))
}

fn session_name<'a>(call: &'a Call<'_>) -> Result<&'a str, Error> {
    let name = call.params.required("RoleSessionName")?;
    word(name, "RoleSessionName", 64)?;
    Ok(name)
}

fn word(name: &str, field: &str, max: usize) -> Result<(), Error> {
    let is_fine = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
    let rule = if !name.chars().all(is_fine) {
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*".to_owned()
    } else if name.len() < 2 {
        "Member must have length greater than or equal to 2".to_owned()
    } else if name.len() > max {
        format!("Member must have length less than or equal to {max}")
    } else {
        return Ok(());
    };
    Err(Error::constraint(field, name, &rule))
}

fn not_assumable(call: &Call<'_>, arn: &str) -> Error {
    if call.caller.holder == Holder::Nobody {
        return Error::access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity");
    }
    Error::access_denied(format!(
        "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
        call.caller.arn
    ))
}

fn assume_role(account: &mut Account, call: &Call<'_>) -> Answer {
    let cannot = "Cannot call AssumeRole with federation credentials";
    if matches!(call.caller.holder, Holder::Federated { .. }) {
        return Err(Error::access_denied(cannot));
    }
    let arn = call.params.required("RoleArn")?;
    let (role, duration) = role_and_duration(account, call)?;
    if matches!(call.caller.holder, Holder::Role { .. }) && duration > HOUR {
        return Err(Error::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining",
        ));
    }
    let mut context = vec![("aws:principalarn".to_owned(), call.caller.arn.clone())];
    if let Some(id) = call.params.get("ExternalId") {
        context.push(("sts:externalid".to_owned(), id.to_owned()));
    }
    let ask = Ask {
        action: "sts:AssumeRole",
        resource: arn,
        context: &context,
    };
    let root = account.arn("root", "", "");
    let mut principals = vec![
        ("AWS", call.caller.arn.as_str()),
        ("AWS", root.as_str()),
        ("AWS", account.id.as_str()),
    ];
    let own_role;
    if let Holder::Role { role, .. } = &call.caller.holder {
        own_role = account.role(role).map(|role| account.role_arn(role));
        if let Ok(arn) = &own_role {
            principals.push(("AWS", arn));
        }
    }
    let trust = &account.role(&role)?.trust.policy;
    match trust.trusts(&ask, &principals) {
        Trust::None => return Err(not_assumable(call, arn)),
        Trust::Named => {}
        Trust::Account => call.caller.may(account, Service::Sts, "AssumeRole", arn)?,
    }
    // Tags must be allowed by the role too.
    let tags = call.params.tags();
    if !tags.is_empty() {
        let ask = Ask {
            action: "sts:TagSession",
            ..ask
        };
        if trust.trusts(&ask, &principals) == Trust::None {
            return Err(Error::access_denied(format!(
                "User: {} is not authorized to perform: sts:TagSession on resource: {arn}",
                call.caller.arn
            )));
        }
    }
    issue_for_role(account, call, role, duration, None)
}

fn web_identity(account: &mut Account, call: &Call<'_>) -> Answer {
    let token = call.params.required("WebIdentityToken")?;
    let (role, duration) = role_and_duration(account, call)?;
    let identity = (call.token_check.0)(token, call.now).map_err(|message| {
        let code = if message.starts_with("Token expired") {
            "ExpiredTokenException"
        } else {
            "InvalidIdentityToken"
        };
        Error::new(400, code, message)
    })?;
    let provider = format!(
        "arn:aws:iam::{}:oidc-provider/{}",
        account.id, identity.issuer
    );
    let key = |name| format!("{}:{name}", identity.issuer.to_ascii_lowercase());
    let context = [
        (key("sub"), identity.subject.clone()),
        (key("aud"), identity.audience.clone()),
    ];
    let arn = call.params.required("RoleArn")?;
    let ask = Ask {
        action: "sts:AssumeRoleWithWebIdentity",
        resource: arn,
        context: &context,
    };
    let trust = &account.role(&role)?.trust.policy;
    if trust.trusts(&ask, &[("Federated", &provider)]) == Trust::None {
        return Err(not_assumable(call, arn));
    }
    issue_for_role(account, call, role, duration, Some((&provider, identity)))
}

fn issue_for_role(
    account: &mut Account,
    call: &Call<'_>,
    role: String,
    duration: i64,
    web: Option<(&str, WebIdentity)>,
) -> Answer {
    let policies = session_policies(account, call)?;
    let holder = Holder::Role {
        role,
        session: session_name(call)?.to_owned(),
    };
    let (arn, id) = account.identity(&holder)?;
    let xml = issue(account, call, holder, policies, duration);
    let xml = xml.node("AssumedRoleUser", |xml| {
        xml.text("AssumedRoleId", id).text("Arn", arn)
    });
    let has_policy = call.params.get("Policy").is_some();
    let xml = xml.maybe("PackedPolicySize", has_policy.then_some(6));
    Ok(Some(match web {
        None => xml,
        Some((provider, identity)) => xml
            .text("Provider", provider)
            .text("Audience", identity.audience)
            .text("SubjectFromWebIdentityToken", identity.subject),
    }))
}

fn federation_token(account: &mut Account, call: &Call<'_>) -> Answer {
    let user = long_lived(call, "GetFederationToken")?;
    let name = call.params.required("Name")?;
    word(name, "Name", 32)?;
    let duration = call
        .params
        .number_within("DurationSeconds", MIN, MAX_OF_USER, MAX_OF_ROLE)?;
    let policies = session_policies(account, call)?;
    let holder = Holder::Federated {
        user,
        name: name.to_owned(),
    };
    let (arn, id) = account.identity(&holder)?;
    let xml = issue(account, call, holder, policies, duration);
    Ok(Some(
        xml.node("FederatedUser", |xml| {
            xml.text("FederatedUserId", id).text("Arn", arn)
        })
        .text("PackedPolicySize", 6),
    ))
}

fn session_token(account: &mut Account, call: &Call<'_>) -> Answer {
    let user = long_lived(call, "GetSessionToken")?;
    if call.params.get("SerialNumber").is_some() {
        // No device is ever enrolled here.
        return Err(Error::access_denied(
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        ));
    }
    let duration = call
        .params
        .number_within("DurationSeconds", MIN, MAX_OF_USER, MAX_OF_ROLE)?;
    let holder = Holder::UserSession(user);
    Ok(Some(issue(account, call, holder, Vec::new(), duration)))
}

/// The caller's user, who must have signed with a key of their own.
fn long_lived(call: &Call<'_>, action: &str) -> Result<String, Error> {
    call.caller.user().map(str::to_owned).ok_or_else(|| {
        Error::access_denied(format!("Cannot call {action} with session credentials"))
    })
}

/// Makes the credentials.
fn issue(
    account: &mut Account,
    call: &Call<'_>,
    holder: Holder,
    policies: Vec<Policy>,
    duration: i64,
) -> Xml {
    let expires = call.now.checked_add(SignedDuration::from_secs(duration));
    let session = Session {
        secret: account.ids.secret(),
        token: account.ids.token(),
        expires: seconds(expires.unwrap_or(Timestamp::MAX)),
        holder,
        policies,
    };
    let id = account.ids.entity("ASIA");
    let xml = Xml::new().node("Credentials", |xml| {
        xml.text("AccessKeyId", &id)
            .text("SecretAccessKey", &session.secret)
            .text("SessionToken", &session.token)
            .time("Expiration", session.expires)
    });
    account.sessions.insert(id, session);
    xml
}
