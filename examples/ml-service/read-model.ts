/** Asks the model registry which version it has of a model. */
export async function readModel(url: string, name: string, token: string): Promise<{ name: string; version: number }> {
  const answer = await fetch(`${url}/models/${name}`, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`the model registry answered with ${answer.status}`);
  const { version } = (await answer.json()) as { version: number };
  return { name, version };
}
