export const first = async () => process.env.COLD_SECRET;
