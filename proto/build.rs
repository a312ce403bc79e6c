//! Generates the Rust of `hengxin/v1/*.proto` and their descriptor set, with no protoc on the machine.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;

const FILES: [&str; 10] = [
    "hengxin/v1/common.proto",
    "hengxin/v1/evaluation.proto",
    "hengxin/v1/ledger_service.proto",
    "hengxin/v1/log_service.proto",
    "hengxin/v1/model_service.proto",
    "hengxin/v1/report_service.proto",
    "hengxin/v1/rescoring_service.proto",
    "hengxin/v1/scoring_service.proto",
    "hengxin/v1/standard_service.proto",
    "hengxin/v1/supervision_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=hengxin");
    // Comments travel in the descriptor set, so that a client with nothing but reflection can read them.
    let descriptors = protox::Compiler::new([Path::new(&root)])?
        .include_source_info(true)
        .include_imports(true)
        .open_files(FILES)?
        .file_descriptor_set();
    fs::write(out.join("hengxin_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().out_dir(&out).compile_fds(descriptors)?;
    Ok(())
}
