//! `ReportService`.

use hengxin_proto::v1;
use hengxin_proto::v1::report_service_server::ReportService;
use tonic::{Request, Response, Status};

use super::gate::Gate;

/// See the module.
#[derive(Debug)]
pub(super) struct Reports {
    gate: Gate,
}

impl Reports {
    pub(super) fn new(gate: Gate) -> Reports {
        Reports { gate }
    }
}

#[tonic::async_trait]
impl ReportService for Reports {
    async fn issue_report(
        &self,
        request: Request<v1::IssueReportRequest>,
    ) -> Result<Response<v1::IssueReportResponse>, Status> {
        let (_request, _sight) = self.gate.admit(request).await?;
        Err(Status::unimplemented("to come"))
    }

    async fn get_report(
        &self,
        request: Request<v1::GetReportRequest>,
    ) -> Result<Response<v1::GetReportResponse>, Status> {
        let (_request, _sight) = self.gate.admit(request).await?;
        Err(Status::unimplemented("to come"))
    }

    async fn list_reports(
        &self,
        request: Request<v1::ListReportsRequest>,
    ) -> Result<Response<v1::ListReportsResponse>, Status> {
        let (_request, _sight) = self.gate.admit(request).await?;
        Err(Status::unimplemented("to come"))
    }

    async fn render_report(
        &self,
        request: Request<v1::RenderReportRequest>,
    ) -> Result<Response<v1::RenderReportResponse>, Status> {
        let (_request, _sight) = self.gate.admit(request).await?;
        Err(Status::unimplemented("to come"))
    }

    async fn verify_report(
        &self,
        request: Request<v1::VerifyReportRequest>,
    ) -> Result<Response<v1::VerifyReportResponse>, Status> {
        let (_request, _sight) = self.gate.admit(request).await?;
        Err(Status::unimplemented("to come"))
    }
}
