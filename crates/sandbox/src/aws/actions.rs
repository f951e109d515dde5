//! The table of actions: which service, what it is done to, who does it.

use jiff::Timestamp;

use super::account::Account;
use super::caller::Caller;
use super::errors::Error;
use super::request::Params;
use super::service::Service;
use super::sts::TokenCheck;
use super::xml::Xml;
use super::{ec2, iam, sts};

/// One call of an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) params: &'a Params,
    pub(super) caller: &'a Caller,
    pub(super) token_check: &'a TokenCheck,
    pub(super) now: Timestamp,
}

impl Call<'_> {
    /// `UserName`, or the caller's own where that is left out.
    pub(super) fn user_name(&self) -> Result<&str, Error> {
        self.params
            .get("UserName")
            .or_else(|| self.caller.user())
            .ok_or_else(|| {
                Error::validation("Must specify userName when calling with non-User credentials")
            })
    }
}

/// What an action answers with: some answer nothing but that it is done.
pub(super) type Answer = Result<Option<Xml>, Error>;

/// One action.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) name: &'static str,
    pub(super) service: Service,
    pub(super) on: On,
    pub(super) run: fn(&mut Account, &Call<'_>) -> Answer,
}

impl Action {
    pub(super) const fn iam(
        name: &'static str,
        on: On,
        run: fn(&mut Account, &Call<'_>) -> Answer,
    ) -> Self {
        Self {
            name,
            service: Service::Iam,
            on,
            run,
        }
    }

    pub(super) const fn sts(
        name: &'static str,
        on: On,
        run: fn(&mut Account, &Call<'_>) -> Answer,
    ) -> Self {
        Self {
            name,
            service: Service::Sts,
            on,
            run,
        }
    }
}

/// The action of a name.
pub(super) fn find(name: &str) -> Option<&'static Action> {
    [
        iam::users::ACTIONS,
        iam::keys::ACTIONS,
        iam::policies::ACTIONS,
        iam::groups::ACTIONS,
        iam::roles::ACTIONS,
        sts::ACTIONS,
        ec2::ACTIONS,
    ]
    .into_iter()
    .flatten()
    .find(|action| action.name == name)
}

/// What an action is done to, and so which resource its policies must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// Needs no permission.
    Free,
    /// Does not even need a signature.
    Unsigned,
    Everything,
    User,
    Group,
    Role,
    Policy,
    Users,
    Groups,
    Roles,
    Policies,
    FederatedUser,
}

impl On {
    /// The resource's ARN.
    pub(super) fn resource(self, account: &Account, params: &Params, caller: &Caller) -> String {
        let name = |field| params.get(field).unwrap_or_default();
        let path = params.get("Path").unwrap_or("/");
        let prefix = params.get("PathPrefix").unwrap_or("/");
        match self {
            Self::Free | Self::Unsigned | Self::Everything => "*".to_owned(),
            Self::User => {
                let name = params
                    .get("UserName")
                    .or_else(|| caller.user())
                    .unwrap_or_default();
                let user = account.user(name);
                account.arn("user", user.map_or(path, |user| &user.path), name)
            }
            Self::Group => {
                let group = account.group(name("GroupName"));
                let path = group.map_or(path, |group| &group.path);
                account.arn("group", path, name("GroupName"))
            }
            Self::Role => {
                let role = account.role(name("RoleName"));
                let path = role.map_or(path, |role| &role.path);
                account.arn("role", path, name("RoleName"))
            }
            Self::Policy => params.get("PolicyArn").map_or_else(
                || account.arn("policy", path, name("PolicyName")),
                str::to_owned,
            ),
            Self::Users => account.arn("user", prefix, ""),
            Self::Groups => account.arn("group", prefix, ""),
            Self::Roles => account.arn("role", prefix, ""),
            Self::Policies => account.arn("policy", prefix, ""),
            Self::FederatedUser => {
                format!(
                    "arn:aws:sts::{}:federated-user/{}",
                    account.id,
                    name("Name")
                )
            }
        }
    }
}
