// A page in headless Chromium, driven over its DevTools pipe: the browser listens on no port, and nothing but
// the browser is needed.
#pragma once

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chromium_test {

using Json = nlohmann::json;

// The browser's program; empty where there is none.
inline std::string chromium_program() {
  const char* given = std::getenv("CHROMIUM");
  const char* path = std::getenv("PATH");
  if (given != nullptr) return given;
  std::string folders = path != nullptr ? path : "";
  for (std::size_t begin = 0; begin <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      const std::string program = folders.substr(begin, end - begin) + "/" + name;
      if (::access(program.c_str(), X_OK) == 0) return program;
    }
    begin = end + 1;
  }
  return {};
}

struct Screen {
  int width = 1440, height = 900;
  bool dark = false;
  bool phone = false;  // touch, and twice the pixels
};

class Browser {
 public:
  Browser() {
    std::string pattern = (std::filesystem::temp_directory_path() / "assay_chromium.XXXXXX").string();
    profile_ = ::mkdtemp(pattern.data());
    std::array<int, 2> down{}, up{};
    if (::pipe2(down.data(), O_CLOEXEC) != 0 || ::pipe2(up.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("no pipes");
    process_ = ::fork();
    if (process_ == 0) run(down[0], up[1]);
    ::close(down[0]);
    ::close(up[1]);
    to_ = down[1];
    from_ = up[0];
    const Json target = call("Target.createTarget", {{"url", "about:blank"}});
    session_ =
        call("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}})["sessionId"];
    for (const char* domain : {"Page", "Runtime", "Log", "Network"}) call(std::string(domain) + ".enable");
    call("Performance.enable", {{"timeDomain", "threadTicks"}});
  }
  ~Browser() {
    ::kill(-process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    ::close(to_);
    ::close(from_);
    std::error_code ignored;
    std::filesystem::remove_all(profile_, ignored);
  }
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  Json call(const std::string& method, const Json& parameters = Json::object()) {
    const int id = ++last_id_;
    Json message = {{"id", id}, {"method", method}, {"params", parameters}};
    if (!session_.empty()) message["sessionId"] = session_;
    const std::string text = message.dump() + '\0';
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t written = ::write(to_, text.data() + sent, text.size() - sent);
      if (written <= 0) throw std::runtime_error("the browser is gone");
      sent += static_cast<std::size_t>(written);
    }
    for (;;) {
      Json answer = next();
      if (answer.value("id", 0) != id) continue;
      if (answer.contains("error")) throw std::runtime_error(method + ": " + answer["error"].dump());
      return answer["result"];
    }
  }

  // Seconds until the page was loaded, its scripts run.
  double open(const std::string& file, const Screen& screen = {}) {
    call("Emulation.setDeviceMetricsOverride", {{"width", screen.width},
                                                {"height", screen.height},
                                                {"deviceScaleFactor", screen.phone ? 2 : 1},
                                                {"mobile", screen.phone}});
    call("Emulation.setTouchEmulationEnabled", {{"enabled", screen.phone}});
    const Json scheme = {{"name", "prefers-color-scheme"}, {"value", screen.dark ? "dark" : "light"}};
    call("Emulation.setEmulatedMedia", {{"media", ""}, {"features", Json::array({scheme})}});
    complaints.clear();
    requests.clear();
    loaded_ = false;
    const auto begin = std::chrono::steady_clock::now();
    call("Page.navigate", {{"url", "file://" + std::filesystem::absolute(file).string()}});
    while (!loaded_) next();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return seconds.count();
  }

  // Processor time of the page's main thread; begins anew with every page.
  double seconds_of_page() {
    const Json metrics = call("Performance.getMetrics");
    for (const Json& metric : metrics["metrics"])
      if (metric["name"] == "TaskDuration") return metric["value"];
    throw std::runtime_error("the browser counts no time");
  }

  // The value of a JavaScript expression; promises are waited for.
  Json evaluate(const std::string& expression) {
    const Json answer = call(
        "Runtime.evaluate",
        {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}, {"userGesture", true}});
    if (answer.contains("exceptionDetails"))
      throw std::runtime_error(expression + ": " + answer["exceptionDetails"].dump());
    return answer["result"].value("value", Json());
  }

  void click(double x, double y) {
    for (const char* type : {"mousePressed", "mouseReleased"})
      call("Input.dispatchMouseEvent",
           {{"type", type}, {"x", x}, {"y", y}, {"button", "left"}, {"clickCount", 1}});
  }

  void key(const std::string& name) {
    for (const char* type : {"keyDown", "keyUp"})
      call("Input.dispatchKeyEvent", {{"type", type}, {"key", name}});
  }

  // PNG of what the screen shows, or of the element that a CSS selector finds.
  void screenshot(const std::string& file, const std::string& selector = "") {
    Json parameters = {{"format", "png"}};
    if (!selector.empty()) {
      Json clip =
          evaluate("(() => { const r = document.querySelector('" + selector +
                   "').getBoundingClientRect(); return {x: r.x + scrollX, y: r.y + scrollY, width: r.width, "
                   "height: r.height, scale: 1}; })()");
      parameters["captureBeyondViewport"] = true;
      parameters["clip"] = clip;
    }
    std::ofstream(file, std::ios::binary) << decoded(call("Page.captureScreenshot", parameters)["data"]);
  }
  void print(const std::string& file) {
    std::ofstream(file, std::ios::binary)
        << decoded(call("Page.printToPDF", {{"printBackground", true}})["data"]);
  }

  std::vector<std::string> complaints;  // exceptions, and errors and warnings of the console
  std::vector<std::string> requests;    // but for the page itself

 private:
  [[noreturn]] void run(int from_parent, int to_parent) {
    ::setpgid(0, 0);
    // 3 and 4 are where the browser expects its pipes; either may be taken by the other's end.
    const int reading = ::fcntl(from_parent, F_DUPFD, 10), writing = ::fcntl(to_parent, F_DUPFD, 10);
    ::dup2(reading, 3);
    ::dup2(writing, 4);
    const int quiet = ::open("/dev/null", O_RDWR);
    for (const int standard : {0, 1, 2}) ::dup2(quiet, standard);
    const std::string program = chromium_program(), profile = "--user-data-dir=" + profile_.string();
    ::execl(program.c_str(), program.c_str(), "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-component-update",
            "--disable-background-networking", "--disable-sync", "--hide-scrollbars", "--mute-audio",
            "--remote-debugging-pipe", profile.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }

  // The next message; events are looked at on the way.
  Json next() {
    for (;;) {
      const std::size_t end = received_.find('\0');
      if (end != std::string::npos) {
        const Json message = Json::parse(received_.substr(0, end));
        received_.erase(0, end + 1);
        notice(message);
        return message;
      }
      pollfd waiting{from_, POLLIN, 0};
      std::array<char, 65536> buffer{};
      if (::poll(&waiting, 1, 120'000) <= 0) throw std::runtime_error("the browser says nothing");
      const ssize_t count = ::read(from_, buffer.data(), buffer.size());
      if (count <= 0) throw std::runtime_error("the browser is gone");
      received_.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  void notice(const Json& message) {
    const std::string method = message.value("method", "");
    const Json& p = message.contains("params") ? message["params"] : message;
    if (method == "Page.loadEventFired") loaded_ = true;
    if (method == "Runtime.exceptionThrown") complaints.push_back(p["exceptionDetails"].dump());
    if (method == "Runtime.consoleAPICalled" && (p["type"] == "error" || p["type"] == "warning"))
      complaints.push_back(p["args"].dump());
    if (method == "Log.entryAdded" && p["entry"]["level"] != "verbose" && p["entry"]["level"] != "info")
      complaints.push_back(p["entry"].dump());
    if (method == "Network.requestWillBeSent") {
      const std::string url = p["request"]["url"];
      if (!p.contains("documentURL") || (url != p["documentURL"] && !url.starts_with("data:")))
        requests.push_back(url);
    }
  }

  static std::string decoded(const std::string& base64) {
    std::string out;
    unsigned bits = 0;
    int count = 0;
    for (const char c : base64) {
      const auto value =
          std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").find(c);
      if (value == std::string_view::npos) break;
      bits = bits << 6 | static_cast<unsigned>(value);
      count += 6;
      if (count >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
    }
    return out;
  }

  std::filesystem::path profile_;
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  int last_id_ = 0;
  bool loaded_ = false;
  std::string session_, received_;
};

}  // namespace chromium_test
