export const fishCompletion: string = String.raw`# fish completion for keyhold
function __keyhold_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  set -l found (command keyhold __complete $before[2..-1] "$current" 2>/dev/null)
  if test "$found" = ":files"
    __fish_complete_path "$current"
  else
    printf '%s\n' $found
  end
end
complete -c keyhold -f -a '(__keyhold_complete)'
`;
