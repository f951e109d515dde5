//! Who calls, and what they may do.

use jiff::{SignedDuration, Timestamp};

use super::account::{Account, Holder, User};
use super::errors::Error;
use super::policy::{Ask, Policy, Verdict};
use super::service::Service;
use super::signature::Signed;
use crate::wire::Request;

/// The one who signed a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) holder: Holder,
    pub(super) arn: String,
    pub(super) user_id: String,
    /// The id of the key they signed with.
    pub(super) key_id: String,
}

impl Caller {
    pub(super) fn nobody() -> Self {
        Self {
            holder: Holder::Nobody,
            arn: String::new(),
            user_id: String::new(),
            key_id: String::new(),
        }
    }

    /// Checks the signature and gives whose it is.
    pub(super) fn of(
        account: &Account,
        request: &Request,
        signed: &Signed,
        now: Timestamp,
        refuse_new_keys_for: SignedDuration,
    ) -> Result<Self, Error> {
        let (secret, holder) = if let Some(key) = account.keys.get(&signed.key_id) {
            let age = now.duration_since(key.created);
            if !key.is_active || age < refuse_new_keys_for || signed.token.is_some() {
                return Err(Error::invalid_token());
            }
            (&key.secret, Holder::User(key.user.clone()))
        } else if let Some(session) = account.sessions.get(&signed.key_id) {
            if signed.token.as_ref() != Some(&session.token) {
                return Err(Error::invalid_token());
            }
            if session.expires <= now {
                return Err(Error::named("ExpiredToken"));
            }
            (&session.secret, session.holder.clone())
        } else {
            return Err(Error::invalid_token());
        };
        signed.verify(request, secret, now)?;
        let (arn, user_id) = account.identity(&holder)?;
        Ok(Self {
            holder,
            arn,
            user_id,
            key_id: signed.key_id.clone(),
        })
    }

    /// The user whose long-lived key this is.
    pub(super) fn user(&self) -> Option<&str> {
        match &self.holder {
            Holder::User(name) => Some(name),
            _ => None,
        }
    }

    /// Checks that the caller may do an action.
    pub(super) fn may(
        &self,
        account: &Account,
        service: Service,
        action: &str,
        resource: &str,
    ) -> Result<(), Error> {
        let is_session = matches!(
            self.holder,
            Holder::UserSession(_) | Holder::Federated { .. }
        );
        if is_session && service == Service::Iam {
            // Such sessions may not call IAM at all, and it answers as if it
            // did not know them.
            return Err(Error::invalid_token());
        }
        let action = format!("{}:{action}", service.name());
        let Some(reason) = self.refusal(account, &action, resource) else {
            return Ok(());
        };
        // EC2 names a resource only where there is one.
        let on = if resource == "*" && service == Service::Ec2 {
            String::new()
        } else {
            format!(" on resource: {resource}")
        };
        Err(Error::access_denied(format!(
            "User: {} is not authorized to perform: {action}{on} {}",
            self.arn,
            reason.words(&action)
        )))
    }

    fn refusal(&self, account: &Account, action: &str, resource: &str) -> Option<Refusal> {
        let context = self.context();
        let ask = Ask {
            action,
            resource,
            context: &context,
        };
        let (identity, boundary) = self.policies(account);
        let boundary = boundary.map(|arn| {
            let policy = account.policies.get(arn);
            policy.map_or(Verdict::Silent, |policy| {
                policy.document.policy.verdict(&ask)
            })
        });
        let session = account
            .sessions
            .get(&self.key_id)
            .filter(|session| {
                !session.policies.is_empty() || matches!(session.holder, Holder::Federated { .. })
            })
            .map(|session| together(&session.policies, &ask));
        let identity = together(identity, &ask);
        let verdicts = [
            (Some(identity), Kind::Identity),
            (boundary, Kind::Boundary),
            (session, Kind::Session),
        ];
        let find = |wanted: Verdict| {
            verdicts
                .iter()
                .find(|(verdict, _)| *verdict == Some(wanted))
                .map(|(_, kind)| *kind)
        };
        find(Verdict::Denied)
            .map(Refusal::Explicit)
            .or_else(|| find(Verdict::Silent).map(Refusal::Implicit))
    }

    /// What allows, and the ARN of what bounds it.
    fn policies<'a>(&self, account: &'a Account) -> (Vec<&'a Policy>, Option<&'a str>) {
        match &self.holder {
            Holder::Nobody => (Vec::new(), None),
            Holder::User(name)
            | Holder::UserSession(name)
            | Holder::Federated { user: name, .. } => account
                .user(name)
                .map_or((Vec::new(), None), |user: &User| {
                    (account.policies_of_user(user), user.boundary.as_deref())
                }),
            Holder::Role { role, .. } => account.role(role).map_or((Vec::new(), None), |role| {
                (
                    account.documents(&role.own).collect(),
                    role.boundary.as_deref(),
                )
            }),
        }
    }

    /// What conditions and variables may refer to.
    fn context(&self) -> Vec<(String, String)> {
        let mut context = vec![
            ("aws:principalarn".to_owned(), self.arn.clone()),
            ("aws:userid".to_owned(), self.user_id.clone()),
        ];
        if let Holder::User(name) | Holder::UserSession(name) = &self.holder {
            context.push(("aws:username".to_owned(), name.clone()));
        }
        context
    }
}

fn together<'a>(policies: impl IntoIterator<Item = &'a Policy>, ask: &Ask<'_>) -> Verdict {
    policies
        .into_iter()
        .map(|policy| policy.verdict(ask))
        .max()
        .unwrap_or(Verdict::Silent)
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Identity,
    Boundary,
    Session,
}

#[derive(Debug, Clone, Copy)]
enum Refusal {
    Explicit(Kind),
    Implicit(Kind),
}

impl Refusal {
    fn words(self, action: &str) -> String {
        match self {
            Self::Explicit(Kind::Identity) => {
                "with an explicit deny in an identity-based policy".to_owned()
            }
            Self::Explicit(Kind::Boundary) => {
                "with an explicit deny in a permissions boundary".to_owned()
            }
            Self::Explicit(Kind::Session) => "with an explicit deny in a session policy".to_owned(),
            Self::Implicit(kind) => {
                let which = match kind {
                    Kind::Identity => "identity-based policy",
                    Kind::Boundary => "permissions boundary",
                    Kind::Session => "session policy",
                };
                format!("because no {which} allows the {action} action")
            }
        }
    }
}

/// AWS's words where a fault, not a policy, forbids the action.
pub(super) fn denied(caller: &Caller, action: &str, resource: &str) -> Error {
    Error::access_denied(format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} because no \
         identity-based policy allows the {action} action",
        caller.arn
    ))
}

impl Account {
    /// The ARN and unique id of a holder.
    pub(super) fn identity(&self, holder: &Holder) -> Result<(String, String), Error> {
        match holder {
            Holder::Nobody => Err(Error::invalid_token()),
            Holder::User(name) | Holder::UserSession(name) => {
                let user = self.user(name).map_err(|_| Error::invalid_token())?;
                Ok((self.user_arn(user), user.id.clone()))
            }
            Holder::Federated { name, .. } => Ok((
                format!("arn:aws:sts::{}:federated-user/{name}", self.id),
                format!("{}:{name}", self.id),
            )),
            Holder::Role { role, session } => {
                let found = self.role(role).map_err(|_| Error::invalid_token())?;
                Ok((
                    format!("arn:aws:sts::{}:assumed-role/{role}/{session}", self.id),
                    format!("{}:{session}", found.id),
                ))
            }
        }
    }
}
