# A formula for Homebrew. Nobody has built it yet: it is a start for whoever has a Mac.
#
# Before a release: put in the archive's address and its SHA-256, and write the resources, one for each package of
# contrib/requirements.lock, with 'brew update-python-resources chatctl'. cryptography and bcrypt are built from source
# there, which needs rust.
class Chatctl < Formula
  include Language::Python::Virtualenv

  desc "Chat server and client for the terminal, for people, scripts and monitoring systems"
  homepage "https://example.org/chatctl"
  url "https://example.org/chatctl/chatctl-0.2.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "rust" => :build
  depends_on "openssl@3"
  depends_on "python@3.13"

  def install
    virtualenv_install_with_resources
    man1.install Dir["docs/man/*.1"]
    bash_completion.install "completions/chatctl.bash" => "chatctl"
    zsh_completion.install "completions/_chatctl"
    fish_completion.install "completions/chatctl.fish"
  end

  service do
    run [opt_bin/"chatctl", "serve", "--log-format", "json"]
    keep_alive true
    error_log_path var/"log/chatctl.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/chatctl --version")
    assert_match "cannot reach", shell_output("#{bin}/chatctl send --port 1 hello 2>&1", 3)
  end
end
