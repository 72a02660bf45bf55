// AtomicFile: the file appears complete or not at all, and a failure leaves nothing behind.
#include "engine/tensor/atomic_file.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <span>
#include <string>

#include "tests/support/check_error.hpp"
#include "tests/support/temporary_directory.hpp"

BOOST_AUTO_TEST_SUITE(atomic_file)

namespace {

using engine::AtomicFile;
using engine::write_text_file;
using tests::bytes_of_file;
using tests::TemporaryDirectory;

void check_fails(const std::filesystem::path& path, const std::string& fragment, const std::string& text = "new") {
  tests::check_error([&] { write_text_file(path, text); }, "[write_file] " + path.string() + ": ", fragment);
}

}  // namespace

BOOST_AUTO_TEST_CASE(text_replaces_the_old_file) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.file("result.json", "a longer old text");
  write_text_file(path, "new");
  BOOST_CHECK_EQUAL(bytes_of_file(path), "new");
  write_text_file(path, "");
  BOOST_CHECK_EQUAL(bytes_of_file(path), "");
  BOOST_CHECK_EQUAL(directory.file_count(), 1u);
}

BOOST_AUTO_TEST_CASE(nothing_appears_without_commit) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.file("result.json", "old");
  {
    AtomicFile file(path);
    file.write(std::as_bytes(std::span("half", 4)));
    BOOST_CHECK_EQUAL(directory.file_count(), 2u);
    BOOST_CHECK_EQUAL(bytes_of_file(path), "old");
  }
  BOOST_CHECK_EQUAL(directory.file_count(), 1u);
  BOOST_CHECK_EQUAL(bytes_of_file(path), "old");
}

BOOST_AUTO_TEST_CASE(two_writers_of_one_file_do_not_meet) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "result.json";
  AtomicFile first(path);
  AtomicFile second(path);
  first.write(std::as_bytes(std::span("first", 5)));
  second.write(std::as_bytes(std::span("second", 6)));
  second.commit();
  BOOST_CHECK_EQUAL(bytes_of_file(path), "second");
  first.commit();
  BOOST_CHECK_EQUAL(bytes_of_file(path), "first");
}

BOOST_AUTO_TEST_CASE(link_is_followed_and_kept) {
  const TemporaryDirectory directory;
  const std::filesystem::path target = directory.file("target", "old");
  const std::filesystem::path link = directory.path() / "link";
  std::filesystem::create_symlink(target, link);
  write_text_file(link, "new");
  BOOST_CHECK(std::filesystem::is_symlink(link));
  BOOST_CHECK_EQUAL(bytes_of_file(target), "new");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_is_named) {
  const TemporaryDirectory directory;
  check_fails(directory.path() / "missing" / "file", "create the folder first");
  check_fails(directory.file("plain", "") / "file", "create the folder first");
  check_fails(directory.path(), "it is a directory");
  check_fails("/dev/full", "it is a device");  // and the device is still there
  BOOST_CHECK(std::filesystem::is_character_file("/dev/full"));
  tests::check_error([] { write_text_file("", "new"); }, "[write_file] ''", "names no file");
  check_fails(directory.path() / std::string(300, 'x'), "cannot be written");
}

BOOST_AUTO_TEST_CASE(read_only_folder_keeps_the_old_file) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.file("result.json", "old");
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0555));
  {
    const tests::WithoutRootRights rights;
    check_fails(path, "Permission denied; choose a folder you may write to");
  }
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  BOOST_CHECK_EQUAL(bytes_of_file(path), "old");
  BOOST_CHECK_EQUAL(directory.file_count(), 1u);
}

BOOST_AUTO_TEST_CASE(full_disk_keeps_the_old_file) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.file("result.json", "old");
  {
    const tests::FileSizeLimit limit(1000);
    check_fails(path, "File too large; free some space", std::string(5000, 'x'));
  }
  BOOST_CHECK_EQUAL(bytes_of_file(path), "old");
  BOOST_CHECK_EQUAL(directory.file_count(), 1u);
}

BOOST_AUTO_TEST_SUITE_END()
