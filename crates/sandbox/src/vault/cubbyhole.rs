//! What a token keeps for itself.

use serde_json::{Map, Value};

use super::call::{Answer, Call, Error, Op, Reply};
use super::core::Core;
use super::kv::children;

pub(super) fn handle(core: &mut Core, call: &Call<'_>, data: Map<String, Value>) -> Answer {
    let Some(token) = core.tokens.get_mut(call.token) else {
        return Err(Error::failed("cubbyhole: no token"));
    };
    let path = call.path;
    match call.op {
        // The old way to what is wrapped.
        Op::Read if path == "response" && token.wrapped.is_some() => {
            let body = token.wrapped.take().map(|wrapped| wrapped.body);
            let mut data = Map::new();
            data.insert("response".to_owned(), body.unwrap_or_default().into());
            let mut reply = Reply::data(data);
            reply.warnings.push(OLD_WAY.to_owned());
            Ok(Some(reply))
        }
        Op::Read => Ok(token.cubbyhole.get(path).cloned().map(Reply::data)),
        Op::List => Ok(Reply::keys(children(token.cubbyhole.keys(), path))),
        Op::Delete => {
            token.cubbyhole.remove(path);
            Ok(None)
        }
        Op::Create | Op::Update if data.is_empty() => Err(Error::failed("missing data fields")),
        Op::Create | Op::Update => {
            token.cubbyhole.insert(path.to_owned(), data);
            Ok(None)
        }
        Op::Patch => Err(Error::unsupported_operation()),
    }
}

const OLD_WAY: &str = "Reading from 'cubbyhole/response' is deprecated. Please use \
     sys/wrapping/unwrap to unwrap responses, as it provides additional security checks and other \
     benefits.";
