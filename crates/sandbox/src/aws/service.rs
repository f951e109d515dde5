//! The services, and how their words differ.

use super::errors::Error;

/// A service, told by the scope of the signature since all share one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Iam,
    Sts,
    Ec2,
}

impl Service {
    pub(super) fn of_scope(name: &str) -> Option<Self> {
        [Self::Iam, Self::Sts, Self::Ec2]
            .into_iter()
            .find(|service| service.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Ec2 => "ec2",
        }
    }

    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
            Self::Ec2 => "2016-11-15",
        }
    }

    pub(super) fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
        }
    }

    /// The error in this service's words: EC2 has its own.
    pub(super) fn in_its_words(self, error: Error) -> Error {
        if self != Self::Ec2 {
            return error;
        }
        match error.code.as_ref() {
            "InvalidClientTokenId" | "SignatureDoesNotMatch" => Error::new(
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            ),
            "ExpiredToken" => Error::new(400, "RequestExpired", "Request has expired."),
            "AccessDenied" => Error::new(
                403,
                "UnauthorizedOperation",
                format!(
                    "You are not authorized to perform this operation. {}",
                    error.message
                ),
            ),
            "Throttling" => Error::named("RequestLimitExceeded"),
            _ => error,
        }
    }
}
