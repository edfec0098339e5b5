"""The files of contrib/, read and run by the programs that they are for."""
