@echo off
rem Makes a school that does not exist, the first time, and serves it until Ctrl-C. From a second window:
rem   demo.bat walk-in
rem and to remove it:
rem   demo.bat clean
rem The first run makes .venv and installs the pinned packages; that takes some minutes.
setlocal EnableExtensions DisableDelayedExpansion
set "PROGRAM=demo.py"

set "ROOT=%~dp0"
set "VENV_PYTHON=%ROOT%.venv\Scripts\python.exe"
set "PINNED=%ROOT%requirements.txt"
set "INSTALLED=%ROOT%.venv\requirements.installed.txt"
set "SUPPORTED=import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
rem Names of students in any alphabet can be printed, also into a file.
set "PYTHONUTF8=1"

"%VENV_PYTHON%" -c "%SUPPORTED%" >nul 2>nul && goto packages

rem Only running a Python tells whether it is there: Windows has a "python" that only opens the store.
set "PYTHON=py -3.13"
%PYTHON% -c "%SUPPORTED%" >nul 2>nul && goto create
set "PYTHON=py -3.12"
%PYTHON% -c "%SUPPORTED%" >nul 2>nul && goto create
set "PYTHON=py -3.11"
%PYTHON% -c "%SUPPORTED%" >nul 2>nul && goto create
set "PYTHON=python"
%PYTHON% -c "%SUPPORTED%" >nul 2>nul && goto create
echo No Python 3.11, 3.12 or 3.13 was found. Install one from https://www.python.org/downloads/windows/
echo with "Add python.exe to PATH" ticked, then run this again.
set "CODE=1"
goto done

:create
echo Creating .venv
%PYTHON% -m venv --clear "%ROOT%.venv" && goto packages
echo .venv could not be created; the reason is above.
set "CODE=1"
goto done

:packages
fc /b "%PINNED%" "%INSTALLED%" >nul 2>nul && goto run
echo Installing the pinned packages; the first time this takes some minutes, PyTorch is large
"%VENV_PYTHON%" -m pip install --disable-pip-version-check -r "%PINNED%" || goto not_installed
copy /y "%PINNED%" "%INSTALLED%" >nul
goto run

:not_installed
echo The packages could not be installed; pip says why above.
set "CODE=1"
goto done

:run
"%VENV_PYTHON%" "%ROOT%backend\%PROGRAM%" %*
set "CODE=%ERRORLEVEL%"

:done
rem Started by a double click, the window would close before anything could be read. Windows then names the full
rem path of this file, in quotes, and no arguments.
if "%~1"=="" if not defined CI if %0=="%~f0" pause
exit /b %CODE%
