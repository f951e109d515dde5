//! Policies: inline and attached ones, alike for users, groups and roles, and
//! managed ones.

use super::super::account::{Account, ManagedPolicy, Policies};
use super::super::actions::{Action, Answer, Call, On};
use super::super::errors::Error;
use super::super::policy::{Document, Grammar};
use super::super::request::encode;
use super::super::xml::Xml;
use super::{name, path};

pub(in super::super) const ACTIONS: &[Action] = &[
    Action::iam("PutUserPolicy", On::User, |a, c| put(a, c, Owner::User)),
    Action::iam("PutGroupPolicy", On::Group, |a, c| put(a, c, Owner::Group)),
    Action::iam("PutRolePolicy", On::Role, |a, c| put(a, c, Owner::Role)),
    Action::iam("GetUserPolicy", On::User, |a, c| get(a, c, Owner::User)),
    Action::iam("GetGroupPolicy", On::Group, |a, c| get(a, c, Owner::Group)),
    Action::iam("GetRolePolicy", On::Role, |a, c| get(a, c, Owner::Role)),
    Action::iam("ListUserPolicies", On::User, |a, c| list(a, c, Owner::User)),
    Action::iam("ListGroupPolicies", On::Group, |a, c| {
        list(a, c, Owner::Group)
    }),
    Action::iam("ListRolePolicies", On::Role, |a, c| list(a, c, Owner::Role)),
    Action::iam("DeleteUserPolicy", On::User, |a, c| {
        delete(a, c, Owner::User)
    }),
    Action::iam("DeleteGroupPolicy", On::Group, |a, c| {
        delete(a, c, Owner::Group)
    }),
    Action::iam("DeleteRolePolicy", On::Role, |a, c| {
        delete(a, c, Owner::Role)
    }),
    Action::iam("AttachUserPolicy", On::User, |a, c| {
        attach(a, c, Owner::User)
    }),
    Action::iam("AttachGroupPolicy", On::Group, |a, c| {
        attach(a, c, Owner::Group)
    }),
    Action::iam("AttachRolePolicy", On::Role, |a, c| {
        attach(a, c, Owner::Role)
    }),
    Action::iam("DetachUserPolicy", On::User, |a, c| {
        detach(a, c, Owner::User)
    }),
    Action::iam("DetachGroupPolicy", On::Group, |a, c| {
        detach(a, c, Owner::Group)
    }),
    Action::iam("DetachRolePolicy", On::Role, |a, c| {
        detach(a, c, Owner::Role)
    }),
    Action::iam("ListAttachedUserPolicies", On::User, |a, c| {
        list_attached(a, c, Owner::User)
    }),
    Action::iam("ListAttachedGroupPolicies", On::Group, |a, c| {
        list_attached(a, c, Owner::Group)
    }),
    Action::iam("ListAttachedRolePolicies", On::Role, |a, c| {
        list_attached(a, c, Owner::Role)
    }),
    Action::iam("CreatePolicy", On::Policy, create),
    Action::iam("GetPolicy", On::Policy, describe),
    Action::iam("DeletePolicy", On::Policy, delete_managed),
    Action::iam("ListPolicies", On::Policies, list_managed),
];

/// Whose policies are meant.
#[derive(Debug, Clone, Copy)]
enum Owner {
    User,
    Group,
    Role,
}

impl Owner {
    /// The parameter that names it.
    fn field(self) -> &'static str {
        match self {
            Self::User => "UserName",
            Self::Group => "GroupName",
            Self::Role => "RoleName",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
        }
    }

    /// How much its inline policies may hold in all.
    fn max_size(self) -> usize {
        match self {
            Self::User => 2048,
            Self::Group => 5120,
            Self::Role => 10_240,
        }
    }

    fn quota(self) -> &'static str {
        match self {
            Self::User => "PoliciesPerUser",
            Self::Group => "PoliciesPerGroup",
            Self::Role => "PoliciesPerRole",
        }
    }

    fn own<'a>(self, account: &'a Account, name: &str) -> Result<&'a Policies, Error> {
        Ok(match self {
            Self::User => &account.user(name)?.own,
            Self::Group => &account.group(name)?.own,
            Self::Role => &account.role(name)?.own,
        })
    }

    fn own_mut<'a>(self, account: &'a mut Account, name: &str) -> Result<&'a mut Policies, Error> {
        self.own(account, name)?;
        let key = name.to_lowercase();
        match self {
            Self::User => account.users.get_mut(&key).map(|user| &mut user.own),
            Self::Group => account.groups.get_mut(&key).map(|group| &mut group.own),
            Self::Role => account.roles.get_mut(&key).map(|role| &mut role.own),
        }
        .ok_or_else(|| Error::no_such(self.kind(), name))
    }
}

const MAX_ATTACHED: usize = 10;

fn put(account: &mut Account, call: &Call<'_>, owner: Owner) -> Answer {
    let whose = call.params.required(owner.field())?;
    let name = name(call.params, "PolicyName", 128)?;
    let text = call.params.required("PolicyDocument")?;
    let own = owner.own_mut(account, whose)?;
    let document = Document::parse(text, Grammar::Identity)?;
    let others = own.inline.iter().filter(|(known, _)| *known != name);
    let size = document.size() + others.map(|(_, other)| other.size()).sum::<usize>();
    let max = owner.max_size();
    if size > max {
        let kind = owner.kind();
        return Err(Error::limit(format!(
            "Maximum policy size of {max} bytes exceeded for {kind} {whose}"
        )));
    }
    own.inline.insert(name.to_owned(), document);
    Ok(None)
}

fn no_inline(owner: Owner, name: &str) -> Error {
    Error::no_such(&format!("{} policy", owner.kind()), name)
}

fn get(account: &Account, call: &Call<'_>, owner: Owner) -> Answer {
    let whose = call.params.required(owner.field())?;
    let name = call.params.required("PolicyName")?;
    let document = owner
        .own(account, whose)?
        .inline
        .get(name)
        .ok_or_else(|| no_inline(owner, name))?;
    let xml = Xml::new()
        .text(owner.field(), whose)
        .text("PolicyName", name)
        .text("PolicyDocument", encode(&document.text));
    Ok(Some(xml))
}

fn list(account: &Account, call: &Call<'_>, owner: Owner) -> Answer {
    let own = owner.own(account, call.params.required(owner.field())?)?;
    let names = own.inline.keys().map(|name| (name.as_str(), name));
    let (page, next) = call.params.page(names)?;
    let xml = Xml::new().node("PolicyNames", |xml| {
        page.iter().fold(xml, |xml, name| xml.text("member", name))
    });
    Ok(Some(xml.page_end(next)))
}

fn delete(account: &mut Account, call: &Call<'_>, owner: Owner) -> Answer {
    let own = owner.own_mut(account, call.params.required(owner.field())?)?;
    let name = call.params.required("PolicyName")?;
    own.inline
        .remove(name)
        .map(|_| None)
        .ok_or_else(|| no_inline(owner, name))
}

fn attach(account: &mut Account, call: &Call<'_>, owner: Owner) -> Answer {
    let arn = policy_arn(call)?;
    let is_there = account.policies.contains_key(arn);
    let own = owner.own_mut(account, call.params.required(owner.field())?)?;
    if !is_there {
        return Err(Error::not_found(format!(
            "Policy {arn} does not exist or is not attachable."
        )));
    }
    if own.attached.len() >= MAX_ATTACHED && !own.attached.contains(arn) {
        return Err(Error::quota(owner.quota(), MAX_ATTACHED));
    }
    own.attached.insert(arn.to_owned());
    Ok(None)
}

fn detach(account: &mut Account, call: &Call<'_>, owner: Owner) -> Answer {
    let arn = policy_arn(call)?;
    let own = owner.own_mut(account, call.params.required(owner.field())?)?;
    if own.attached.remove(arn) {
        return Ok(None);
    }
    Err(Error::not_found(format!("Policy {arn} was not found.")))
}

fn list_attached(account: &Account, call: &Call<'_>, owner: Owner) -> Answer {
    let own = owner.own(account, call.params.required(owner.field())?)?;
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let is_below = |arn: &&String| {
        let policy = account.policies.get(*arn);
        policy.is_some_and(|policy| policy.path.starts_with(prefix))
    };
    let arns = own.attached.iter().filter(is_below);
    let (page, next) = call.params.page(arns.map(|arn| (arn.as_str(), arn)))?;
    let xml = Xml::new().list("AttachedPolicies", page, |xml, arn| {
        let name = account.policies.get(arn).map(|policy| &policy.name);
        xml.maybe("PolicyName", name).text("PolicyArn", arn)
    });
    Ok(Some(xml.page_end(next)))
}

fn policy_arn<'a>(call: &'a Call<'_>) -> Result<&'a str, Error> {
    let arn = call.params.required("PolicyArn")?;
    let is_arn = arn.starts_with("arn:") && arn.split(':').count() >= 6;
    if is_arn {
        return Ok(arn);
    }
    Err(Error::new(
        400,
        "InvalidInput",
        format!("ARN {arn} is not valid."),
    ))
}

fn create(account: &mut Account, call: &Call<'_>) -> Answer {
    let name = name(call.params, "PolicyName", 128)?;
    let document = Document::parse(call.params.required("PolicyDocument")?, Grammar::Managed)?;
    if document.size() > 6144 {
        return Err(Error::quota("PolicySize", 6144));
    }
    let path = path(call.params)?;
    let arn = account.arn("policy", &path, name);
    if account.policies.contains_key(&arn) {
        return Err(Error::exists(format!(
            "A policy called {name} already exists. Duplicate names are not allowed."
        )));
    }
    let policy = ManagedPolicy {
        name: name.to_owned(),
        path,
        id: account.ids.entity("ANPA"),
        created: call.now,
        description: call.params.get("Description").map(str::to_owned),
        document,
    };
    let xml = Xml::new().node("Policy", |xml| managed_xml(xml, account, &arn, &policy));
    account.policies.insert(arn, policy);
    Ok(Some(xml))
}

fn managed_xml(xml: Xml, account: &Account, arn: &str, policy: &ManagedPolicy) -> Xml {
    xml.text("PolicyName", &policy.name)
        .text("PolicyId", &policy.id)
        .text("Arn", arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", "v1")
        .text("AttachmentCount", attachments(account, arn))
        .text("IsAttachable", true)
        .time("CreateDate", policy.created)
        .time("UpdateDate", policy.created)
}

fn attachments(account: &Account, arn: &str) -> usize {
    let users = account.users.values().map(|user| &user.own);
    let groups = account.groups.values().map(|group| &group.own);
    let roles = account.roles.values().map(|role| &role.own);
    users
        .chain(groups)
        .chain(roles)
        .filter(|own| own.attached.contains(arn))
        .count()
}

fn managed<'a>(account: &'a Account, arn: &str) -> Result<&'a ManagedPolicy, Error> {
    account
        .policies
        .get(arn)
        .ok_or_else(|| Error::not_found(format!("Policy {arn} was not found.")))
}

fn describe(account: &mut Account, call: &Call<'_>) -> Answer {
    let arn = policy_arn(call)?;
    let policy = managed(account, arn)?;
    // What lists leave out.
    Ok(Some(Xml::new().node("Policy", |xml| {
        managed_xml(xml, account, arn, policy)
            .maybe("Description", policy.description.as_ref())
            .text("Tags", "")
    })))
}

fn delete_managed(account: &mut Account, call: &Call<'_>) -> Answer {
    let arn = policy_arn(call)?;
    managed(account, arn)?;
    if arn.starts_with("arn:aws:iam::aws:") {
        let message = "Cannot perform this operation on AWS managed policies.";
        return Err(Error::access_denied(message));
    }
    if attachments(account, arn) > 0 {
        return Err(Error::new(
            409,
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        ));
    }
    account.policies.remove(arn);
    Ok(None)
}

fn list_managed(account: &mut Account, call: &Call<'_>) -> Answer {
    let scope = call.params.get("Scope").unwrap_or("All");
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let is_attached_only = call.params.get("OnlyAttached") == Some("true");
    let policies = account
        .policies
        .iter()
        .filter(|(arn, _)| match scope {
            "AWS" => arn.starts_with("arn:aws:iam::aws:"),
            "Local" => !arn.starts_with("arn:aws:iam::aws:"),
            _ => true,
        })
        .filter(|(_, policy)| policy.path.starts_with(prefix))
        .filter(|(arn, _)| !is_attached_only || attachments(account, arn) > 0)
        .map(|(arn, policy)| (arn.as_str(), (arn, policy)));
    let (page, next) = call.params.page(policies)?;
    let xml = Xml::new().list("Policies", page, |xml, (arn, policy)| {
        managed_xml(xml, account, arn, policy)
    });
    Ok(Some(xml.page_end(next)))
}
