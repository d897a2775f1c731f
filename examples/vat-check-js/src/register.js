// What the register is asked, and what it says.

/// The question for an operation's input.
export function questionOf(input) {
  for (const member of ["country", "number"]) {
    if (typeof input?.[member] !== "string") {
      throw { tag: "bad-request", val: { field: member, message: "missing, or not a text" } };
    }
  }
  const country = input.country.trim().toUpperCase();
  const number = input.number.toUpperCase().replace(/[\s.-]/g, "");
  const bare = number.startsWith(country) ? number.slice(country.length) : number;
  // The register knows Greece as EL.
  return { countryCode: country === "GR" ? "EL" : country, vatNumber: bare };
}

/// The operation's output for an answer of the register; throws a failure if it did not check.
export function outputOf(answer) {
  if (typeof answer?.valid === "boolean" && typeof answer.requestDate === "string") {
    const output = { valid: answer.valid, checked_at: answer.requestDate };
    for (const member of ["name", "address"]) {
      // What a member state does not publish is `---`.
      if (answer[member] && answer[member] !== "---") output[member] = answer[member];
    }
    return output;
  }
  if (answer?.errorWrappers?.some(({ error }) => error === "INVALID_INPUT")) {
    const message = "is no VAT number of that country; send both as they are on an invoice";
    throw { tag: "bad-request", val: { field: "number", message } };
  }
  throw { tag: "provider-unavailable", val: 60 };
}
