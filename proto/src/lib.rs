//! Generated messages, clients and servers of package `hengxin.v1`, and nothing else.
//!
//! The `.proto` files in `proto/hengxin/v1` are the contract; their comments are its documentation. Conversion from
//! and to the engine's own types is written by hand in the service.

/// Package `hengxin.v1`.
#[allow(
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    missing_docs,
    reason = "generated code follows the style of its generator"
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/hengxin.v1.rs"));
}

/// The encoded `FileDescriptorSet` of the package and everything it imports, comments included: what reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hengxin_descriptor.bin"));
