//! Roles: who may log in to them.

use serde_json::json;

use super::AwsAuth;
use super::arn::Principal;
use crate::vault::aws::tag;
use crate::vault::call::{Answer, Call, Env, Error, Reply};
use crate::vault::fields::{Fields, Kind, Schema};
use crate::vault::go;
use crate::vault::login::grant::Terms;
use crate::vault::mounts::object;

#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) auth_type: String,
    pub(super) principal_arns: Vec<String>,
    pub(super) principal_ids: Vec<String>,
    /// Whether those are bound by their ids, so that a new user of an old name is nobody.
    pub(super) resolves_ids: bool,
    pub(super) inferred_type: String,
    pub(super) inferred_region: String,
    account_ids: Vec<String>,
    regions: Vec<String>,
    ami_ids: Vec<String>,
    vpc_ids: Vec<String>,
    subnet_ids: Vec<String>,
    instance_role_arns: Vec<String>,
    profile_arns: Vec<String>,
    instance_ids: Option<Vec<String>>,
    tag: String,
    allows_migration: bool,
    disallows_reauthentication: bool,
    pub(super) terms: Terms,
}

pub(super) const SCHEMA: Schema = &[
    ("role", Kind::Text),
    ("auth_type", Kind::Text),
    ("bound_ami_id", Kind::List),
    ("bound_account_id", Kind::List),
    ("bound_iam_principal_arn", Kind::List),
    ("bound_region", Kind::List),
    ("bound_iam_role_arn", Kind::List),
    ("bound_iam_instance_profile_arn", Kind::List),
    ("bound_ec2_instance_id", Kind::List),
    ("bound_vpc_id", Kind::List),
    ("bound_subnet_id", Kind::List),
    ("resolve_aws_unique_ids", Kind::Flag),
    ("inferred_entity_type", Kind::Text),
    ("inferred_aws_region", Kind::Text),
    ("role_tag", Kind::Text),
    ("allow_instance_migration", Kind::Flag),
    ("disallow_reauthentication", Kind::Flag),
    ("period", Kind::Seconds),
    ("ttl", Kind::Seconds),
    ("lease", Kind::Seconds),
    ("max_ttl", Kind::Seconds),
    ("policies", Kind::List),
    ("token_bound_cidrs", Kind::List),
    ("token_explicit_max_ttl", Kind::Seconds),
    ("token_max_ttl", Kind::Seconds),
    ("token_no_default_policy", Kind::Flag),
    ("token_period", Kind::Seconds),
    ("token_policies", Kind::List),
    ("token_type", Kind::Text),
    ("token_ttl", Kind::Seconds),
    ("token_num_uses", Kind::Int),
];

fn name(fields: &Fields) -> String {
    fields.text("role").to_lowercase()
}

pub(super) fn exists(method: &AwsAuth, fields: &Fields) -> bool {
    method.roles.contains_key(&name(fields))
}

pub(super) fn list(method: &mut AwsAuth, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(Reply::keys(method.roles.keys().cloned().collect()))
}

pub(super) fn nobody(_: &mut AwsAuth, _: &Call<'_>, _: &Fields, _: &mut Env<'_>) -> Answer {
    Ok(None)
}

pub(super) fn delete(
    method: &mut AwsAuth,
    _: &Call<'_>,
    fields: &Fields,
    _: &mut Env<'_>,
) -> Answer {
    method.roles.remove(&name(fields));
    Ok(None)
}

pub(super) fn read(method: &mut AwsAuth, _: &Call<'_>, fields: &Fields, _: &mut Env<'_>) -> Answer {
    let Some(role) = method.roles.get(&name(fields)) else {
        return Ok(None);
    };
    let mut data = object(json!({
        "auth_type": role.auth_type,
        "bound_ami_id": role.ami_ids,
        "bound_account_id": role.account_ids,
        "bound_ec2_instance_id": role.instance_ids,
        "bound_iam_principal_arn": role.principal_arns,
        "bound_iam_principal_id": role.principal_ids,
        "bound_iam_role_arn": role.instance_role_arns,
        "bound_iam_instance_profile_arn": role.profile_arns,
        "bound_region": role.regions,
        "bound_subnet_id": role.subnet_ids,
        "bound_vpc_id": role.vpc_ids,
        "inferred_entity_type": role.inferred_type,
        "inferred_aws_region": role.inferred_region,
        "resolve_aws_unique_ids": role.resolves_ids,
        "role_id": role.id,
        "role_tag": role.tag,
        "allow_instance_migration": role.allows_migration,
        "disallow_reauthentication": role.disallows_reauthentication,
    }));
    role.terms.show(&mut data);
    Ok(Some(Reply::data(data)))
}

pub(super) fn write(
    method: &mut AwsAuth,
    call: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let name = name(fields);
    let is_new = !method.roles.contains_key(&name);
    let mut role = method.roles.get(&name).cloned().unwrap_or_else(|| Role {
        id: env.ids.uuid(),
        resolves_ids: true,
        ..Role::default()
    });
    role.bind(fields);
    if let Some(resolves) = fields.flag_if("resolve_aws_unique_ids") {
        if !is_new && role.resolves_ids && !resolves {
            let text = "changing resolve_aws_unique_ids from true to false is not allowed";
            return Err(Error::bad(text));
        }
        role.resolves_ids = resolves;
    }
    if let Some(arns) = fields.list_if("bound_iam_principal_arn") {
        role.principal_arns = arns;
        role.principal_ids.clear();
    }
    if role.resolves_ids && role.principal_ids.is_empty() {
        for arn in role.principal_arns.iter().filter(|arn| !arn.ends_with('*')) {
            let id = method.unique_id(arn, env).map_err(|error| {
                let arn = go::quote(arn);
                Error::bad(format!(
                    "unable to resolve ARN {arn} to internal ID: {error}"
                ))
            })?;
            role.principal_ids.push(id);
        }
    }
    role.read_type(fields)?;
    role.check_binds()?;
    role.read_ec2(fields)?;
    let warnings = role.read_terms(call, fields)?;
    if let Some(tag) = fields.text_if("role_tag") {
        if role.auth_type != "ec2" {
            let text = "tried to enable role_tag when not using ec2 auth method";
            return Err(Error::bad(text));
        }
        if tag.len() > 127 {
            let text = "length of role tag exceeds the EC2 key limit of 127 characters";
            return Err(Error::bad(text));
        }
        role.tag = tag;
    }
    method.roles.insert(name, role);
    Ok(Reply::of_warnings(warnings))
}

impl Role {
    fn bind(&mut self, fields: &Fields) {
        for (list, name) in [
            (&mut self.ami_ids, "bound_ami_id"),
            (&mut self.account_ids, "bound_account_id"),
            (&mut self.regions, "bound_region"),
            (&mut self.vpc_ids, "bound_vpc_id"),
            (&mut self.subnet_ids, "bound_subnet_id"),
            (&mut self.instance_role_arns, "bound_iam_role_arn"),
            (&mut self.profile_arns, "bound_iam_instance_profile_arn"),
        ] {
            if let Some(given) = fields.list_if(name) {
                *list = given;
            }
        }
        if let Some(ids) = fields.list_if("bound_ec2_instance_id") {
            self.instance_ids = Some(ids);
        }
    }

    fn read_type(&mut self, fields: &Fields) -> Result<(), Error> {
        for (text, name) in [
            (&mut self.inferred_type, "inferred_entity_type"),
            (&mut self.inferred_region, "inferred_aws_region"),
        ] {
            if let Some(given) = fields.text_if(name) {
                *text = given;
            }
        }
        match fields.text_if("auth_type") {
            None if self.auth_type.is_empty() => "iam".clone_into(&mut self.auth_type),
            Some(kind) if self.auth_type.is_empty() => {
                if kind != "iam" && kind != "ec2" {
                    return Err(Error::bad(format!("unrecognized auth_type: {kind}")));
                }
                self.auth_type = kind;
            }
            Some(kind) if kind != self.auth_type => {
                return Err(Error::bad("changing auth_type on a role is not allowed"));
            }
            _ => {}
        }
        let text = match (self.inferred_type.as_str(), self.inferred_region.as_str()) {
            ("", "") => return Ok(()),
            ("", _) => "specified inferred_aws_region but not inferred_entity_type".to_owned(),
            _ if self.auth_type != "iam" => {
                "specified inferred_entity_type but didn't allow iam auth_type".to_owned()
            }
            ("ec2_instance", "") => {
                "specified inferred_entity_type but not inferred_aws_region".to_owned()
            }
            ("ec2_instance", _) => return Ok(()),
            (other, _) => format!("specified invalid inferred_entity_type: {other}"),
        };
        Err(Error::bad(text))
    }

    /// Whether what it is bound to can be told of whoever logs in.
    fn check_binds(&self) -> Result<(), Error> {
        let is_ec2 = self.auth_type == "ec2";
        let sees_ec2 = is_ec2 || !self.inferred_type.is_empty();
        let instances = self
            .instance_ids
            .as_ref()
            .is_some_and(|ids| !ids.is_empty());
        let inferring = "not specifying ec2 auth_type or inferring ec2_instance";
        let binds = [
            (
                !self.account_ids.is_empty(),
                "bound_account_id",
                sees_ec2,
                inferring,
            ),
            (
                !self.regions.is_empty(),
                "bound_region",
                is_ec2,
                "not specifying ec2 auth_type",
            ),
            (
                !self.ami_ids.is_empty(),
                "bound_ami_id",
                sees_ec2,
                inferring,
            ),
            (
                !self.profile_arns.is_empty(),
                "bound_iam_instance_profile_arn",
                sees_ec2,
                inferring,
            ),
            (instances, "bound_ec2_instance_id", sees_ec2, inferring),
            (
                !self.instance_role_arns.is_empty(),
                "bound_iam_role_arn",
                sees_ec2,
                inferring,
            ),
            (
                !self.principal_arns.is_empty(),
                "bound_iam_principal_arn",
                !is_ec2,
                "not specifying iam auth_type",
            ),
            (
                !self.vpc_ids.is_empty(),
                "bound_vpc_id",
                sees_ec2,
                inferring,
            ),
            (
                !self.subnet_ids.is_empty(),
                "bound_subnet_id",
                sees_ec2,
                inferring,
            ),
        ];
        for (is_bound, name, fits, but) in binds {
            if is_bound && !fits {
                return Err(Error::bad(format!("specified {name} but {but}")));
            }
        }
        if !binds.iter().any(|(is_bound, ..)| *is_bound) {
            return Err(Error::bad(
                "at least one bound parameter should be specified on the role",
            ));
        }
        Ok(())
    }

    fn read_ec2(&mut self, fields: &Fields) -> Result<(), Error> {
        for (flag, name) in [
            (
                &mut self.disallows_reauthentication,
                "disallow_reauthentication",
            ),
            (&mut self.allows_migration, "allow_instance_migration"),
        ] {
            let Some(given) = fields.flag_if(name) else {
                continue;
            };
            if self.auth_type != "ec2" {
                let text = format!("specified {name} when not using ec2 auth type");
                return Err(Error::bad(text));
            }
            *flag = given;
        }
        if self.disallows_reauthentication && self.allows_migration {
            return Err(Error::bad(
                "cannot specify both disallow_reauthentication=true and \
                 allow_instance_migration=true",
            ));
        }
        Ok(())
    }

    fn read_terms(&mut self, call: &Call<'_>, fields: &Fields) -> Result<Vec<String>, Error> {
        self.terms.read(fields)?;
        self.terms.read_old(fields);
        let grant = &self.terms.grant;
        let mut warnings = Vec::new();
        if grant.max_ttl > call.view.max {
            warnings.push(format!(
                "Given max ttl of {} seconds greater than current mount/system default of {} \
                 seconds; max ttl will be capped at login time",
                grant.max_ttl.as_secs(),
                call.view.max.as_secs()
            ));
        }
        if grant.max_ttl.is_positive() && grant.max_ttl < grant.ttl {
            return Err(Error::bad("ttl should be shorter than max ttl"));
        }
        if grant.period > call.view.max {
            return Err(Error::bad(format!(
                "period of {} is greater than the backend's maximum lease TTL of {}",
                go::quote(&go::duration(grant.period)),
                go::quote(&go::duration(call.view.max))
            )));
        }
        Ok(warnings)
    }
}

impl AwsAuth {
    /// Makes sure that AWS knows the method's own key.
    pub(super) fn check_key(&mut self, env: &mut Env<'_>) -> Result<(), String> {
        if !self.has_account {
            self.aws("sts")
                .call(env, "GetCallerIdentity", &[])
                .map_err(|error| format!("unable to fetch current caller: {error}"))?;
            self.has_account = true;
        }
        Ok(())
    }

    /// What AWS says of a user or a role.
    pub(super) fn ask(
        &mut self,
        principal: &Principal,
        env: &mut Env<'_>,
    ) -> Result<String, String> {
        self.check_key(env)?;
        let (action, param) = match principal.kind.as_str() {
            "user" => ("GetUser", "UserName"),
            "role" | "assumed-role" => ("GetRole", "RoleName"),
            _ => ("GetInstanceProfile", "InstanceProfileName"),
        };
        self.aws("iam")
            .call(env, action, &[(param, &principal.name)])
            .map_err(|error| error.to_string())
    }

    fn unique_id(&mut self, arn: &str, env: &mut Env<'_>) -> Result<String, String> {
        let principal = Principal::of(arn)?;
        let answer = self.ask(&principal, env)?;
        ["UserId", "RoleId", "InstanceProfileId"]
            .iter()
            .find_map(|name| tag(&answer, name))
            .ok_or_else(|| "got nil result from AWS".to_owned())
    }
}
