import { AUTHORIZATION_ERROR_PRESETS, FLAG_SWITCHES, NUMBER_SWITCHES, TOKEN_ERROR_PRESETS } from "./switches.ts";

/** The form fields that `switchesFromForm` reads. Keys and descriptions are our own constants, without markup. */
export function misbehaveFieldset(): string {
  const flags = FLAG_SWITCHES.map(
    ({ key, description }) =>
      `<label><input type="checkbox" name="switch.${key}" value="on"> <code>${key}</code> <span class="hint">${description}</span></label>`,
  );
  const numbers = NUMBER_SWITCHES.map(
    ({ key, description }) => `<label><code>${key}</code> <span class="hint">${description}</span>
<input type="number" min="0" name="switch.${key}"></label>`,
  );
  return `<fieldset><legend>For this authorization and the tokens it gives</legend>
${choice("rotation", ["none", "grace", "strict"], "How refresh tokens are replaced.")}
${choice("authorizationError", Object.keys(AUTHORIZATION_ERROR_PRESETS), "Answer this authorization with an error.")}
${choice("tokenError", Object.keys(TOKEN_ERROR_PRESETS), "Fail token requests.")}
${choice("nested", ["authed_user"], "Nest the tokens in an object of this name.")}
${flags.join("\n")}
${numbers.join("\n")}
<label><code>JSON</code> <span class="hint">Any switches as one JSON object; they win over the fields above.</span>
<textarea name="switches" rows="3" spellcheck="false"></textarea></label>
</fieldset>`;
}

function choice(key: string, values: string[], description: string): string {
  const options = values.map((value) => `<option value="${value}">${value}</option>`).join("");
  return `<label><code>${key}</code> <span class="hint">${description}</span>
<select name="switch.${key}"><option value="">as usual</option>${options}</select></label>`;
}
