/** How to obtain what is asked for, where the catalogue says so. */
export function SetupGuide({ steps, connector }: { steps: readonly string[]; connector: string }) {
  if (steps.length === 0) return null;
  return (
    <details>
      <summary>How to get these at {connector}</summary>
      <ol>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </details>
  );
}
