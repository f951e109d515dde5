//! AWS's own policies, as far as tests use them: few, and in few words.

/// Path and name behind `arn:aws:iam::aws:policy/`, and the actions allowed on
/// everything.
///
/// `ReadOnlyAccess` of AWS lists thousands of actions one by one; here it is
/// their common form.
pub(super) const MANAGED: &[(&str, &[&str])] = &[
    ("AdministratorAccess", &["*"]),
    (
        "ReadOnlyAccess",
        &["*:Get*", "*:List*", "*:Describe*", "*:BatchGet*"],
    ),
    (
        "AmazonEC2ReadOnlyAccess",
        &[
            "ec2:Describe*",
            "ec2:Get*",
            "elasticloadbalancing:Describe*",
            "cloudwatch:ListMetrics",
            "cloudwatch:GetMetricStatistics",
            "cloudwatch:Describe*",
            "autoscaling:Describe*",
        ],
    ),
    (
        "AmazonEC2FullAccess",
        &[
            "ec2:*",
            "elasticloadbalancing:*",
            "cloudwatch:*",
            "autoscaling:*",
        ],
    ),
    (
        "AmazonS3ReadOnlyAccess",
        &["s3:Get*", "s3:List*", "s3:Describe*"],
    ),
    ("AmazonS3FullAccess", &["s3:*", "s3-object-lambda:*"]),
    (
        "IAMReadOnlyAccess",
        &[
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
        ],
    ),
    ("IAMFullAccess", &["iam:*"]),
];

pub(super) fn document(actions: &[&str]) -> String {
    let statement = serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}
