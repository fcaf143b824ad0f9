//! The `splitstorm` program: hands its arguments to the library.

fn main() -> std::process::ExitCode {
    splitstorm::cli::main()
}
