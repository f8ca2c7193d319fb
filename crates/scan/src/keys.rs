//! Names of fields whose value is personal whatever it looks like: `dob`, `address1`, `password`.

use crate::rules::Pii;

/// What the value of a field must look like to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Anything but a placeholder.
    Any,
    /// Has a digit.
    Digit,
    /// Has at least this many digits.
    Digits(usize),
    /// Has `.` or `:` and a digit: a network address.
    Network,
    /// A number of degrees, or two.
    Degrees,
    /// Long and mixed, such as a token.
    Opaque,
    /// Words of letters.
    Words,
    /// Digits and letters: a street with a number.
    Street,
}

/// A field that is personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kind: Pii,
    pub(crate) shape: Shape,
    /// Only beside fields of the same kind: `city` beside `zip`, `name` beside `email`.
    pub(crate) company: bool,
}

/// A name as it is compared: letters and digits only, in small letters.
pub(crate) fn joined(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The words of a name: `billingAddress_zip` is billing, address, zip.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        let new = !c.is_alphanumeric() || (c.is_uppercase() && small);
        if new && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        small = c.is_lowercase() || c.is_numeric();
        if let Some(last) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            last.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// Names longer than this, in bytes or words, are sentences.
const NAME_BYTES_MAX: usize = 80;
const NAME_WORDS_MAX: usize = 8;

/// What a field of this name holds: the whole name or its last words are in the table.
pub(crate) fn lookup(name: &str, own: &[(String, Pii)]) -> Option<Key> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let words = words(name);
    if words.is_empty() || words.len() > NAME_WORDS_MAX {
        return None;
    }
    (0..words.len()).find_map(|from| {
        let tail: String = words[from..].concat();
        let own = own.iter().find(|(key, _)| *key == tail);
        own.map(|&(_, kind)| Key {
            kind,
            shape: Shape::Any,
            company: false,
        })
        .or_else(|| table(&tail))
    })
}

fn table(word: &str) -> Option<Key> {
    use Pii::*;
    use Shape::*;
    let (kind, shape, company) = match word {
        "email" | "emailaddress" | "emails" | "mailaddress" | "emailid" | "correo" | "courriel" => {
            (Email, Any, false)
        }

        "phone" | "phones" | "phonenumber" | "phonenumbers" | "phoneno" | "mobile"
        | "mobilephone" | "mobilenumber" | "cell" | "cellphone" | "telephone"
        | "telephonenumber" | "tel" | "telefon" | "telefonnummer" | "handy" | "handynummer"
        | "mobilfunk" | "fax" | "faxnumber" | "msisdn" | "whatsapp" | "telefono" | "teléfono"
        | "téléphone" => (Phone, Digits(5), false),

        "dob" | "dateofbirth" | "datesofbirth" | "birthdate" | "birthdates" | "birthday"
        | "bday" | "birth" | "dayofbirth" | "yearofbirth" | "birthyear" | "born"
        | "geburtsdatum" | "geburtstag" | "geboren" | "geburtsjahr" | "datedenaissance"
        | "naissance" | "fechadenacimiento" | "fechanacimiento" | "nacimiento"
        | "datadinascita" | "nascita" | "datadenascimento" | "nascimento" | "geboortedatum"
        | "födelsedatum" | "fødselsdato" | "dataurodzenia" => (DateOfBirth, Digit, false),

        "creditcard" | "debitcard" | "giftcard" => (PaymentCard, Digits(5), false),
        "cardnumber" | "cardno" | "ccnumber" | "ccnum" | "creditcardnumber" | "debitcardnumber"
        | "giftcardnumber" | "cardid" | "paymentid" | "paymentmethodid" | "kartennummer"
        | "kreditkarte" | "kreditkartennummer" | "cvv" | "cvc" | "cvv2" | "cvc2" | "cardcvv"
        | "cardcvc" => (PaymentCard, Digits(3), false),
        "pan" => (PaymentCard, Digits(12), false),

        "iban" | "accountnumber" | "accountno" | "bankaccount" | "bankaccountnumber"
        | "kontonummer" | "routingnumber" | "sortcode" | "bankleitzahl" => {
            (BankAccount, Digits(4), false)
        }

        "ssn"
        | "socialsecurity"
        | "socialsecuritynumber"
        | "taxid"
        | "taxnumber"
        | "taxpayerid"
        | "steuerid"
        | "steuernummer"
        | "steueridentifikationsnummer"
        | "idnr"
        | "nationalid"
        | "nationalidnumber"
        | "nationalinsurancenumber"
        | "nino"
        | "passport"
        | "passportnumber"
        | "passportno"
        | "reisepass"
        | "reisepassnummer"
        | "personalausweis"
        | "ausweisnummer"
        | "driverslicense"
        | "driverlicense"
        | "driverslicensenumber"
        | "driverlicensenumber"
        | "drivinglicence"
        | "führerschein"
        | "fuehrerschein"
        | "sozialversicherungsnummer"
        | "personnummer"
        | "pesel"
        | "bsn"
        | "burgerservicenummer"
        | "cpf"
        | "dni"
        | "nie"
        | "curp"
        | "codicefiscale"
        | "aadhaar"
        | "aadhar"
        | "aadhaarnumber"
        | "ahvnummer"
        | "ahv"
        | "sin"
        | "socialinsurancenumber" => (NationalId, Digits(3), false),

        "diagnosis" | "diagnoses" | "diagnose" | "medication" | "medications" | "medikation"
        | "allergies" | "allergien" | "bloodtype" | "blutgruppe" | "healthcondition"
        | "healthconditions" | "medicalcondition" | "medicalconditions" | "medicalhistory"
        | "disability" | "disabilities" | "krankheit" | "icd10" => (Health, Any, false),

        "latitude" | "longitude" | "lat" | "lng" | "lon" | "geolocation" | "gps"
        | "gpscoordinates" | "coordinates" | "latlng" | "latlon" => (Location, Degrees, false),

        "ip" | "ipaddress" | "ipaddr" | "ipv4" | "ipv6" | "clientip" | "remoteaddr"
        | "remoteip" => (DeviceIdentifier, Network, false),
        "mac" | "macaddress" | "imei" | "imsi" | "deviceid" | "deviceidentifier" | "udid"
        | "idfa" | "idfv" | "advertisingid" | "androidid" => (DeviceIdentifier, Digits(2), false),

        "password" | "passwords" | "passwd" | "pwd" | "passphrase" | "passcode"
        | "clientsecret" | "secretkey" | "apisecret" | "apikey" | "accesskey"
        | "secretaccesskey" | "accesstoken" | "refreshtoken" | "authtoken" | "idtoken"
        | "sessiontoken" | "bearertoken" | "apitoken" | "privatekey" | "encryptionkey"
        | "signingkey" | "kennwort" | "passwort" | "motdepasse" | "contraseña" | "contrasena"
        | "senha" | "wachtwoord" => (Credential, Any, false),
        "pin" | "otp" | "tan" => (Credential, Digits(4), false),
        "secret" | "token" | "authorization" | "cookie" | "setcookie" | "credential"
        | "credentials" | "sessionid" => (Credential, Opaque, false),

        "firstname" | "lastname" | "fullname" | "surname" | "givenname" | "familyname"
        | "middlename" | "maidenname" | "vorname" | "nachname" | "cardholder"
        | "cardholdername" | "passengername" | "customername" | "contactname" | "patientname"
        | "guestname" | "prénom" | "apellido" | "apellidos" | "cognome" => (Name, Words, false),
        "name" => (Name, Words, true),

        "address1" | "address2" | "address3" | "addressline1" | "addressline2" | "addressline3"
        | "addrline1" | "addrline2" | "streetaddress" | "street" | "street1" | "street2"
        | "strasse" | "straße" | "hausnummer" | "housenumber" | "zip" | "zipcode"
        | "postalcode" | "postcode" | "plz" | "postleitzahl" | "pobox" | "codepostal"
        | "codigopostal" => (Address, Any, false),
        "address" | "homeaddress" | "postaladdress" | "mailingaddress" | "shippingaddress"
        | "billingaddress" | "anschrift" | "adresse" | "wohnort" | "direccion" | "dirección"
        | "indirizzo" => (Address, Street, false),
        "city" | "town" | "line1" | "line2" | "apt" | "apartment" | "suite" | "unit" | "ort"
        | "stadt" | "suburb" => (Address, Any, true),
        _ => return None,
    };
    Some(Key {
        kind,
        shape,
        company,
    })
}

/// Does a value of a sensitive field look like one? Masks and placeholders do not.
pub(crate) fn fits(shape: Shape, value: &str) -> bool {
    let value = value.trim();
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = || value.chars().any(char::is_alphabetic);
    if value.is_empty() || placeholder(value) {
        return false;
    }
    match shape {
        Shape::Any => true,
        Shape::Digit => digits > 0,
        Shape::Digits(least) => digits >= least,
        Shape::Network => digits > 0 && value.contains(['.', ':']),
        Shape::Degrees => {
            digits > 0
                && value
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b" .,;+-NSEWnsew".contains(&b))
        }
        Shape::Opaque => value.len() >= 12 && digits > 0 && letters(),
        Shape::Words => {
            letters() && !value.contains(['/', '=', '_', '@', '<', '{']) && value.len() <= 120
        }
        Shape::Street => {
            digits > 0
                && letters()
                && value.contains([' ', '\n'])
                && !value.contains("://")
                && !value.contains('@')
        }
    }
}

/// Stands for a value that is not there.
pub(crate) fn placeholder(value: &str) -> bool {
    const WORDS: [&str; 22] = [
        "null",
        "none",
        "nil",
        "n/a",
        "na",
        "true",
        "false",
        "yes",
        "no",
        "undefined",
        "unknown",
        "redacted",
        "string",
        "str",
        "optional",
        "required",
        "changeme",
        "hidden",
        "masked",
        "removed",
        "withheld",
        "secret",
    ];
    let bare = value.trim_matches(|c: char| "<>[](){}*\"'`".contains(c) || c.is_whitespace());
    bare.is_empty()
        || WORDS.iter().any(|word| bare.eq_ignore_ascii_case(word))
        || bare
            .chars()
            .all(|c| matches!(c, '*' | 'x' | 'X' | '.' | '-' | '_' | '•'))
        || (value.starts_with('<') && value.ends_with('>') && !value.contains(' '))
        || (value.starts_with("${") && value.ends_with('}'))
        || (value.starts_with("{{") && value.ends_with("}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_decides() {
        let kind = |name| lookup(name, &[]).map(|k| k.kind);
        assert_eq!(kind("dob"), Some(Pii::DateOfBirth));
        assert_eq!(kind("Date of Birth"), Some(Pii::DateOfBirth));
        assert_eq!(kind("passengerDateOfBirth"), Some(Pii::DateOfBirth));
        assert_eq!(kind("billing_address_zip"), Some(Pii::Address));
        assert_eq!(kind("user.email"), Some(Pii::Email));
        assert_eq!(kind("**DB_PASSWORD"), Some(Pii::Credential));
        for other in [
            "email_verified",
            "gzip",
            "max_tokens_used",
            "date",
            "description",
            "",
        ] {
            assert_eq!(kind(other), None, "{other}");
        }
        assert_eq!(
            lookup("loyaltyNo", &[("loyaltyno".into(), Pii::Other)]).map(|k| k.kind),
            Some(Pii::Other)
        );
    }

    #[test]
    fn placeholders_are_no_values() {
        for value in [
            "***",
            "<redacted>",
            "[credential]".trim_matches(['[', ']']),
            "${PASSWORD}",
            "null",
            "{{ secret }}",
        ] {
            assert_eq!(placeholder(value), value != "credential", "{value}");
        }
    }
}
