/** What every program of the cold start must come to hold. */
export const secretText = '{"username":"app","password":"correct-horse-battery-staple"}';
