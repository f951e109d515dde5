//! Where moto may answer otherwise, and why the sandbox does not follow it: AWS does not. What AWS
//! does is in its IAM and STS API references, and in the IAM user guide, by the name of the action
//! or the page in brackets.

use e2e::differential::Listed;

/// All of them. One that is no longer found fails the test, like one that is not listed.
pub(crate) const LISTED: &[Listed] = &[
    Listed {
        reason: "moto's own words; AWS names kind and name: `The role with name x cannot be found.`",
        at: &[
            ("users: CreateUser of a name that is taken", "/words"),
            ("keys: UpdateAccessKey of no key", "/words"),
            ("keys: UpdateAccessKey of another user's key", "/words"),
            ("keys: DeleteAccessKey of another user's key", "/words"),
            ("keys: DeleteAccessKey of no key", "/words"),
            ("policies: GetUserPolicy of no policy", "/words"),
            ("policies: DeleteUserPolicy of no policy", "/words"),
            ("policies: GetPolicy of no policy", "/words"),
            ("policies: DeletePolicy (2)", "/words"),
            ("policies: DeletePolicy of no policy", "/words"),
            ("groups: CreateGroup of a name that is taken", "/words"),
            ("groups: GetGroup of none", "/words"),
            ("groups: AddUserToGroup to none", "/words"),
            ("groups: PutGroupPolicy of no group", "/words"),
            ("groups: GetGroupPolicy of no policy", "/words"),
            ("groups: ListGroupPolicies of no group", "/words"),
            ("groups: AttachGroupPolicy of no policy", "/words"),
            ("groups: ListAttachedGroupPolicies of no group", "/words"),
            ("groups: DeleteGroupPolicy of no policy", "/words"),
            ("roles: GetRole of none", "/words"),
            ("roles: UpdateAssumeRolePolicy with a resource", "/words"),
            ("roles: UpdateAssumeRolePolicy of none", "/words"),
            ("roles: PutRolePolicy of no role", "/words"),
            ("roles: GetRolePolicy of no policy", "/words"),
            ("roles: ListRolePolicies of no role", "/words"),
            ("roles: ListAttachedRolePolicies of no role", "/words"),
            ("roles: DeleteRole of none", "/words"),
            ("sts: AssumeRole with too long a name", "/words"),
            ("sts: GetFederationToken with too long a policy", "/words"),
        ],
    },
    Listed {
        reason: "moto pages no users, keys and groups [ListUsers: MaxItems, IsTruncated, Marker]",
        at: &[
            (
                "users: ListUsers page by page",
                "/body/content/ListUsersResult",
            ),
            (
                "keys: ListAccessKeys",
                "/body/content/ListAccessKeysResult/IsTruncated",
            ),
            (
                "keys: ListAccessKeys page by page",
                "/body/content/ListAccessKeysResult",
            ),
            (
                "keys: UpdateAccessKey (2)",
                "/body/content/ListAccessKeysResult/IsTruncated",
            ),
            (
                "keys: DeleteAccessKey (2)",
                "/body/content/ListAccessKeysResult/IsTruncated",
            ),
            (
                "groups: GetGroup",
                "/body/content/GetGroupResult/IsTruncated",
            ),
            (
                "groups: AddUserToGroup (3)",
                "/body/content/GetGroupResult/IsTruncated",
            ),
            (
                "groups: ListGroups",
                "/body/content/ListGroupsResult/IsTruncated",
            ),
            (
                "groups: ListGroupPolicies",
                "/body/content/ListGroupPoliciesResult/IsTruncated",
            ),
            (
                "deleting: the way Vault deletes a user (7)",
                "/body/content/ListAccessKeysResult/IsTruncated",
            ),
            (
                "access: a list of actions",
                "/body/content/GetGroupResult/IsTruncated",
            ),
        ],
    },
    Listed {
        reason: "moto deletes what others hold on to [DeleteUser, DeleteGroup, DeletePolicy: DeleteConflict]",
        at: &[
            ("conflicts: DeletePolicy of one that is attached", "/status"),
            ("conflicts: DeleteUser with a key (3)", "/status"),
            ("conflicts: DeleteUser in a group (3)", "/status"),
            ("conflicts: DeleteGroup with a policy (3)", "/status"),
        ],
    },
    Listed {
        reason: "moto does not look at most limits of parameters [CreateUser, CreateRole, GetPolicy, AssumeRole, GetFederationToken: Length, Pattern, Valid Range]",
        at: &[
            ("limits: CreateUser with characters", "/status"),
            ("limits: CreateUser with too long a name", "/status"),
            ("limits: CreateUser without a name", "/status"),
            ("limits: CreateUser with a path that is none", "/status"),
            ("limits: CreateUser with too long a key of a tag", "/status"),
            ("limits: ListUsers with no page", "/status"),
            ("limits: DeleteUser without a name", "/status"),
            ("limits: UpdateAccessKey to no status", "/status"),
            ("limits: PutUserPolicy, a principal", "/status"),
            ("limits: GetPolicy of no ARN", "/status"),
            ("limits: CreateGroup with characters", "/status"),
            ("limits: CreateRole whose trust is nothing", "/status"),
            ("limits: AssumeRole for too short", "/status"),
            ("limits: GetFederationToken with too long a name", "/status"),
        ],
    },
    Listed {
        reason: "to moto, names that differ in case alone are two [CreateUser: names must be unique, case-insensitively]",
        at: &[(
            "limits: CreateUser of a name that differs in case alone",
            "/status",
        )],
    },
    Listed {
        reason: "moto takes roles and boundaries for there that are not [AssumeRole, CreateUser]",
        at: &[
            ("limits: CreateUser with a permissions boundary", "/status"),
            ("limits: AssumeRole of a role that there is not", "/status"),
        ],
    },
    Listed {
        reason: "moto wants of every policy what AWS wants of managed ones alone [Version: it may be left out, and be 2008-10-17]",
        at: &[
            ("limits: PutUserPolicy, the old version", "/status"),
            ("limits: PutUserPolicy, no version", "/status"),
        ],
    },
    Listed {
        reason: "to moto it is an error; AWS's reference has none for a user who is not in the group [RemoveUserFromGroup]",
        at: &[("groups: RemoveUserFromGroup of who is not in it", "/status")],
    },
    Listed {
        reason: "when a role was last used: moto says it of a new one too [Role: RoleLastUsed is returned by GetRole], and the sandbox does not keep it",
        at: &[
            (
                "roles: CreateRole",
                "/body/content/CreateRoleResult/Role/RoleLastUsed",
            ),
            (
                "sts: AssumeRole",
                "/body/content/CreateRoleResult/Role/RoleLastUsed",
            ),
            (
                "access: ",
                "/body/content/CreateRoleResult/Role/RoleLastUsed",
            ),
            (
                "access: what a session may (3)",
                "/body/content/GetRoleResult/Role/RoleLastUsed",
            ),
        ],
    },
    Listed {
        reason: "AWS's word for the one kind of boundary there is [AttachedPermissionsBoundary: it can only be Policy]",
        at: &[
            (
                "roles: CreateRole with a permissions boundary",
                "/body/content/CreateRoleResult/Role/PermissionsBoundary/PermissionsBoundaryType",
            ),
            (
                "roles: GetRole with a permissions boundary",
                "/body/content/GetRoleResult/Role/PermissionsBoundary/PermissionsBoundaryType",
            ),
        ],
    },
    Listed {
        reason: "moto says how large a session's policy is where there is none [AssumeRole: PackedPolicySize is of the session policies]",
        at: &[
            (
                "sts: AssumeRole (2)",
                "/body/content/AssumeRoleResult/PackedPolicySize",
            ),
            (
                "sts: AssumeRoleWithWebIdentity (2)",
                "/body/content/AssumeRoleWithWebIdentityResult/PackedPolicySize",
            ),
            (
                "access: ",
                "/body/content/AssumeRoleResult/PackedPolicySize",
            ),
        ],
    },
    Listed {
        reason: "moto does not read the token [AssumeRoleWithWebIdentity: Audience, Provider, SubjectFromWebIdentityToken]",
        at: &[
            (
                "sts: AssumeRoleWithWebIdentity (2)",
                "/body/content/AssumeRoleWithWebIdentityResult/Audience",
            ),
            (
                "sts: AssumeRoleWithWebIdentity (2)",
                "/body/content/AssumeRoleWithWebIdentityResult/Provider",
            ),
            (
                "sts: AssumeRoleWithWebIdentity (2)",
                "/body/content/AssumeRoleWithWebIdentityResult/SubjectFromWebIdentityToken",
            ),
        ],
    },
    Listed {
        reason: "moto refuses before it knows the service: in a form that is none of AWS's, and to EC2's callers in IAM's words [Common Errors; Error codes for EC2]",
        at: &[
            ("access: ", "/type"),
            ("access: ", "/body/namespace"),
            ("access: ", "/body/element"),
            ("access: ", "/body/content/Errors"),
            ("access: ", "/body/content/Error"),
            ("access: ", "/body/content/RequestId"),
            ("access: ", "/body/content/RequestID"),
            ("access: a key without rights (6)", "/code"),
            ("access: a key without rights (6)", "/words"),
            ("access: all of a service (3)", "/code"),
            ("access: all of a service (3)", "/words"),
        ],
    },
    Listed {
        reason: "AWS also says on what and why [Troubleshoot access denied error messages]",
        at: &[("access: ", "/why")],
    },
    Listed {
        reason: "moto does not look at a signature's age, whether a key is active, and boundaries [Elements of a request signature; UpdateAccessKey; Permissions boundaries]",
        at: &[
            ("access: a signature of an hour ago", "/status"),
            ("access: a key that is inactive (2)", "/status"),
            (
                "access: a permissions boundary (2)",
                "/body/content/CreateUserResult/User/PermissionsBoundary",
            ),
            ("access: a permissions boundary (5)", "/status"),
        ],
    },
];
