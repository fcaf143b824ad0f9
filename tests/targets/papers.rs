//! An authority and what it vouches for, and accounts with their passwords and certificates, as files.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::date_time_ymd;
use sha2::Digest;
use sha2::Sha256;
use tempfile::TempDir;

/// Accounts that have a certificate: more than the scenarios that ask for them have users.
const CERTIFIED_MAX: u32 = 60;

/// An account and what it is known by.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password: String,
    /// SHA-256 of its certificate, in hexadecimal; none for the many that have none.
    pub(crate) fingerprint: Option<String>,
}

/// The files: `ca.pem`, `good.pem` and `good.key` of the server; `accounts.csv` with passwords and `certified.csv` with certificates, and
/// `wrong.csv` and `strange.csv`, in which the users 1 and 10 to 19 have wrong ones.
pub(crate) struct Papers {
    pub(crate) accounts: Vec<Account>,
    folder: TempDir,
}

impl Papers {
    /// Makes an authority, the server's certificate, and so many accounts.
    pub(crate) fn new(count: u32) -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let accounts = Vec::new();
        let mut papers = Self { accounts, folder };
        fs::write(papers.path("ca.pem"), authority.pem()).unwrap();
        papers.vouch("good", &["localhost", "127.0.0.1"], &authority);
        let mut plain = "account,password\n".to_owned();
        let mut certified = "account,certificate,key\n".to_owned();
        for number in 0..count {
            let (name, password) = (format!("alder{number}"), format!("bark{number}"));
            writeln!(plain, "{name},{password}").unwrap();
            let fingerprint = (number < CERTIFIED_MAX).then(|| {
                writeln!(certified, "{name},{name}.pem,{name}.key").unwrap();
                papers.vouch(&name, &[], &authority)
            });
            papers.accounts.push(Account {
                name,
                password,
                fingerprint,
            });
        }
        fs::write(papers.path("accounts.csv"), &plain).unwrap();
        fs::write(papers.path("wrong.csv"), plain.replace("bark1", "moss1")).unwrap();
        fs::write(papers.path("certified.csv"), &certified).unwrap();
        papers.vouch("stranger", &[], &authority);
        let strange = certified.lines().map(|row| match row.split_once(',') {
            Some((name, _)) if name.starts_with("alder1") => {
                format!("{name},stranger.pem,stranger.key\n")
            }
            _ => format!("{row}\n"),
        });
        fs::write(papers.path("strange.csv"), strange.collect::<String>()).unwrap();
        papers
    }

    /// Writes a certificate for these names and its key; returns its fingerprint.
    fn vouch(
        &self,
        file: &str,
        names: &[&str],
        authority: &CertifiedIssuer<'_, KeyPair>,
    ) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2010, 1, 1);
        params.not_after = date_time_ymd(2050, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        fs::write(self.path(&format!("{file}.pem")), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
        let digest = Sha256::digest(certificate.der());
        digest.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// Returns where they lie.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns one of them.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder().join(name).to_str().unwrap().to_owned()
    }
}
