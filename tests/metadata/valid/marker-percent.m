% conda execute
% env:
%   - octave
% run_with: [octave, --no-gui]

x = 1; % nothing more
disp(x)
