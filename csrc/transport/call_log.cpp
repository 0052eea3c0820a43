#include "transport/call_log.h"

#include <algorithm>

namespace recstream::transport {

std::vector<CallReport> CallLog::take() {
  std::vector<CallReport> taken;
  const std::scoped_lock lock(mutex_);
  taken.swap(reports_);
  return taken;
}

void CallLog::add(Key key, std::optional<double> seconds, std::string_view status) {
  const std::scoped_lock lock(mutex_);
  const auto is_alike = [&](const CallReport& report) {
    return report.rpc == key.rpc && report.code == key.code && report.is_message == key.is_message;
  };
  auto report = std::find_if(reports_.begin(), reports_.end(), is_alike);
  if (report == reports_.end()) {
    reports_.push_back({.rpc = key.rpc,
                        .code = key.code,
                        .is_message = key.is_message,
                        .seconds = std::nullopt,
                        .status = std::string(status)});
    report = reports_.end() - 1;
  }
  ++report->count;
  report->seconds = std::max(report->seconds, seconds);
}

}  // namespace recstream::transport
