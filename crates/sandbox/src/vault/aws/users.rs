//! IAM users: made step by step, and taken apart again.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Engine;
use super::client::{AwsError, Client, blocks, tag};
use super::creds::Order;
use crate::vault::call::{Answer, Env, Error, Internal, Reply, Secret};
use crate::vault::leases::after;
use crate::vault::mounts::object;

/// A user that is being made: cleaned up if it stays so.
pub(super) struct Unfinished {
    username: String,
    pub(super) due: Timestamp,
}

/// How long a user may be unfinished, and how long one that is not there may not be missed.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// How often it is tried to clean up.
const ROUND: SignedDuration = SignedDuration::from_mins(1);

impl Engine {
    pub(super) fn user(&mut self, order: &Order<'_>, env: &mut Env<'_>) -> Answer {
        let iam = self.iam();
        let username = self.name(order, env)?;
        self.unfinished.push(Unfinished {
            username: username.clone(),
            due: after(env.now, PATIENCE),
        });
        let role = order.role;
        let path = if role.user_path.is_empty() {
            "/"
        } else {
            &role.user_path
        };
        let mut params = vec![("UserName", username.as_str()), ("Path", path)];
        if !role.boundary.is_empty() {
            params.push(("PermissionsBoundary", &role.boundary));
        }
        if let Err(error) = iam.call(env, "CreateUser", &params) {
            self.finished(&username);
            return Err(error.told("Error creating IAM user"));
        }
        let keys = furnish(&iam, order, &username, env)?;
        self.finished(&username);
        let (ttl, max_ttl) = self.lease();
        Ok(Some(Reply {
            secret: Some(Secret {
                ttl,
                max_ttl,
                is_renewable: true,
                lease_id: String::new(),
                internal: Internal::AwsUser { username },
            }),
            ..Reply::data(object(json!({
                "access_key": tag(&keys, "AccessKeyId"),
                "secret_key": tag(&keys, "SecretAccessKey"),
                "session_token": null,
            })))
        }))
    }

    fn finished(&mut self, username: &str) {
        self.unfinished.retain(|user| user.username != username);
    }

    /// Takes back what a lease stands for.
    pub(in crate::vault) fn revoke(
        &self,
        internal: &Internal,
        issued: Timestamp,
        env: &mut Env<'_>,
    ) -> Result<(), Error> {
        let Internal::AwsUser { username } = internal else {
            return Ok(());
        };
        let may_be_missing = env.now.duration_since(issued) > PATIENCE;
        delete(&self.iam(), username, may_be_missing, env)
            .map_err(|error| Error::failed(error.to_string()))
    }

    /// Takes apart the users that were never finished; what fails is tried again later.
    pub(in crate::vault) fn rollback(&mut self, env: &mut Env<'_>) {
        let iam = self.iam();
        self.unfinished.retain_mut(|user| {
            if user.due > env.now {
                return true;
            }
            let result = delete(&iam, &user.username, true, env);
            user.due = after(env.now, ROUND);
            result.is_err()
        });
    }
}

/// Gives a new user all it is to have; its keys come last.
fn furnish(
    iam: &Client,
    order: &Order<'_>,
    username: &str,
    env: &mut Env<'_>,
) -> Result<String, Error> {
    let role = order.role;
    let user = ("UserName", username);
    for arn in role.policy_arns() {
        iam.call(env, "AttachUserPolicy", &[user, ("PolicyArn", arn)])
            .map_err(|error| error.told("Error attaching user policy"))?;
    }
    if !role.policy_document.is_empty() {
        let params = [
            user,
            ("PolicyName", order.name),
            ("PolicyDocument", role.policy_document.as_str()),
        ];
        iam.call(env, "PutUserPolicy", &params)
            .map_err(|error| error.told("Error putting user policy"))?;
    }
    for group in role.groups() {
        iam.call(env, "AddUserToGroup", &[user, ("GroupName", group)])
            .map_err(|error| error.told("Error adding user to group"))?;
    }
    let tags: Vec<(String, &str)> = role
        .tags
        .iter()
        .flatten()
        .enumerate()
        .flat_map(|(n, (key, value))| {
            let name = |part| format!("Tags.member.{}.{part}", n + 1);
            [(name("Key"), key.as_str()), (name("Value"), value.as_str())]
        })
        .collect();
    if !tags.is_empty() {
        let mut params: Vec<(&str, &str)> = tags
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        params.push(user);
        iam.call(env, "TagUser", &params)
            .map_err(|error| error.told("Error adding tags to user"))?;
    }
    iam.call(env, "CreateAccessKey", &[user])
        .map_err(|error| error.told("Error creating access keys"))
}

/// Takes a user apart and deletes it.
fn delete(
    iam: &Client,
    username: &str,
    may_be_missing: bool,
    env: &mut Env<'_>,
) -> Result<(), AwsError> {
    let user = ("UserName", username);
    let all = [user, ("MaxItems", "1000")];
    let groups = match iam.call(env, "ListGroupsForUser", &all) {
        Err(error) if may_be_missing && error.is("NoSuchEntity") => return Ok(()),
        result => result?,
    };
    let inline = iam.call(env, "ListUserPolicies", &all)?;
    let attached = iam.call(env, "ListAttachedUserPolicies", &all)?;
    let keys = iam.call(env, "ListAccessKeys", &all)?;
    for key in blocks(&keys, "AccessKeyId") {
        iam.call(env, "DeleteAccessKey", &[("AccessKeyId", key), user])?;
    }
    for arn in blocks(&attached, "PolicyArn") {
        iam.call(env, "DetachUserPolicy", &[user, ("PolicyArn", arn)])?;
    }
    for name in blocks(&inline, "member") {
        iam.call(env, "DeleteUserPolicy", &[user, ("PolicyName", name)])?;
    }
    for name in blocks(&groups, "GroupName") {
        iam.call(env, "RemoveUserFromGroup", &[("GroupName", name), user])?;
    }
    iam.call(env, "DeleteUser", &[user]).map(drop)
}
