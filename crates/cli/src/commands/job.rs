//! temp
use crate::args::*;
use crate::failure::*;
pub(crate) fn register(_: &Common, _: &JobOptions) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
pub(crate) fn authenticate(_: &Common, _: &JobOptions) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
pub(crate) fn status(_: &Common, _: &StatusOptions) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
