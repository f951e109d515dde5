//! What every auth method's role has: policies and lifetimes of the tokens it gives.

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::vault::call::{Error, Grant};
use crate::vault::fields::Fields;
use crate::vault::go;
use crate::vault::policies::sanitize;

/// That part of a role, with what was given under old names.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) grant: Grant,
    kind: String,
    old_policies: Vec<String>,
    old_ttl: SignedDuration,
    old_max_ttl: SignedDuration,
    old_period: SignedDuration,
}

impl Terms {
    /// Reads the parameters that begin with `token_`.
    pub(super) fn read(&mut self, fields: &Fields) -> Result<(), Error> {
        let grant = &mut self.grant;
        if let Some(cidrs) = fields.list_if("token_bound_cidrs") {
            grant.bound_cidrs = cidrs;
        }
        for (time, name) in [
            (&mut grant.explicit_max_ttl, "token_explicit_max_ttl"),
            (&mut grant.max_ttl, "token_max_ttl"),
            (&mut grant.period, "token_period"),
            (&mut grant.ttl, "token_ttl"),
        ] {
            *time = fields.seconds_if(name).unwrap_or(*time);
        }
        grant.has_no_default_policy = fields
            .flag_if("token_no_default_policy")
            .unwrap_or(grant.has_no_default_policy);
        if let Some(policies) = fields.list_if("token_policies") {
            grant.policies = policies;
        }
        grant.num_uses = fields.int_if("token_num_uses").unwrap_or(grant.num_uses);
        if let Some(kind) = fields.text_if("token_type") {
            if !matches!(
                kind.as_str(),
                "" | "default" | "service" | "batch" | "default-service" | "default-batch"
            ) {
                let text = format!("invalid 'token_type' value {}", go::quote(&kind));
                return Err(Error::bad(text));
            }
            self.kind = kind;
        }
        grant.is_batch = match self.kind.as_str() {
            "batch" => Some(true),
            "service" => Some(false),
            _ => None,
        };
        if matches!(self.kind.as_str(), "batch" | "default-batch") {
            let what = if grant.num_uses != 0 {
                "tokens with limited use count"
            } else if !grant.period.is_zero() {
                "periodic tokens"
            } else {
                ""
            };
            if !what.is_empty() {
                return Err(Error::bad(format!(
                    "'token_type' cannot be 'batch' or 'default_batch' when set to generate {what}"
                )));
            }
        }
        let has_both = grant.ttl.is_positive() && grant.max_ttl.is_positive();
        if has_both && grant.ttl > grant.max_ttl {
            let text = "'token_ttl' cannot be greater than 'token_max_ttl'";
            return Err(Error::bad(text));
        }
        if grant.num_uses < 0 {
            return Err(Error::bad("'token_num_uses' cannot be negative"));
        }
        Ok(())
    }

    /// Reads what has an old name, where it was not given under the new one.
    pub(super) fn read_old(&mut self, fields: &Fields) {
        let both = |new: &str, old: &str| fields.has(new) && fields.has(old);
        if fields.has("token_policies") {
            self.old_policies = if both("token_policies", "policies") {
                self.grant.policies.clone()
            } else {
                Vec::new()
            };
        } else if let Some(policies) = fields.list_if("policies") {
            let policies = sanitize(&policies, false);
            self.grant.policies.clone_from(&policies);
            self.old_policies = policies;
        }
        for (new, old, old_name, new_name) in [
            (&mut self.grant.ttl, &mut self.old_ttl, "ttl", "token_ttl"),
            (
                &mut self.grant.max_ttl,
                &mut self.old_max_ttl,
                "max_ttl",
                "token_max_ttl",
            ),
            (
                &mut self.grant.period,
                &mut self.old_period,
                "period",
                "token_period",
            ),
        ] {
            if fields.has(new_name) {
                *old = if both(new_name, old_name) {
                    *new
                } else {
                    SignedDuration::ZERO
                };
            } else if let Some(time) = fields.seconds_if(old_name) {
                (*new, *old) = (time, time);
            }
        }
    }

    /// Adds all of it to what a role shows.
    pub(super) fn show(&self, data: &mut Map<String, Value>) {
        let grant = &self.grant;
        let kind = if self.kind.is_empty() {
            "default"
        } else {
            &self.kind
        };
        let mut add = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
        add("token_bound_cidrs", grant.bound_cidrs.clone().into());
        add(
            "token_explicit_max_ttl",
            grant.explicit_max_ttl.as_secs().into(),
        );
        add("token_max_ttl", grant.max_ttl.as_secs().into());
        add(
            "token_no_default_policy",
            grant.has_no_default_policy.into(),
        );
        add("token_num_uses", grant.num_uses.into());
        add("token_period", grant.period.as_secs().into());
        add("token_policies", grant.policies.clone().into());
        add("token_ttl", grant.ttl.as_secs().into());
        add("token_type", kind.into());
        if !self.old_policies.is_empty() {
            add("policies", grant.policies.clone().into());
        }
        for (time, name) in [
            (self.old_ttl, "ttl"),
            (self.old_max_ttl, "max_ttl"),
            (self.old_period, "period"),
        ] {
            if !time.is_zero() {
                add(name, time.as_secs().into());
            }
        }
    }
}
